"""Devices, processes, memory and files."""
