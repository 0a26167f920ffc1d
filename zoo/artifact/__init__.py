"""The artifact: the folder of a network, with its manifest."""
