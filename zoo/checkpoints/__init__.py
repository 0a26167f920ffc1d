"""Weights as other programs leave them: one reader for `zoo import` and every `--weights`."""
