"""Limits on the cost of a cell: their text, the measures, and spaces within them."""
