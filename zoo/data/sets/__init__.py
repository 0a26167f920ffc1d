"""The data sets: where each is read from, and how."""
