"""Genotypes: the description of a cell, as a value, as JSON and as text."""
