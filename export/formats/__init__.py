"""One module a format, and one a way to it."""
