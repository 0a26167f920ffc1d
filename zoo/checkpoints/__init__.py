"""Reads checkpoints of other programs, for `zoo import` and every `--weights`."""
