"""Networks that hold every cell of a space at once."""
