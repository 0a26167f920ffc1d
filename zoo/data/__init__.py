"""Data sets of images and texts, and their batches."""
