"""Latency of cells in a runtime, predicted from a profile of the network's operations."""
