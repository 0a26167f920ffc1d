"""What a supernet learns: images or a text."""
