"""The commands of `zoo`; `zoo.cli` has their table."""
