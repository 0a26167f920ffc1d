"""The formats of an artifact: how each is written, read and run."""
