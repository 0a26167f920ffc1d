"""What is trained: a network, its batches, a loss and a measure, for images and for texts."""
