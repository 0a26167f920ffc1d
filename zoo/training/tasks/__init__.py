"""Training tasks for images and texts: a network, its batches, a loss and a metric."""
