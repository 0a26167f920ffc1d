"""What proves an export: parity, agreement, real runtimes."""
