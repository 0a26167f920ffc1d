"""Checks of an export: parity, agreement, runtimes, latency."""
