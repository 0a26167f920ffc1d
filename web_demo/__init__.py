"""The browser page for exported networks, with its server and its checks."""
