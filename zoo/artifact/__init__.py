"""The folder in which a network is kept, and its manifest."""
