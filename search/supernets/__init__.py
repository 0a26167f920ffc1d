"""Supernets: networks that contain every cell of a space."""
