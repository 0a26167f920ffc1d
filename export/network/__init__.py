"""The PyTorch side of an export: exact rewrites and the network that is deployed."""
