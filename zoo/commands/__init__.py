"""The commands of `zoo`, one module for each group; `zoo.cli` has their table."""
