"""Data sets of images and texts, and how batches are made of them."""
