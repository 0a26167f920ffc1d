"""Cells trained from scratch, one or many at a time."""
