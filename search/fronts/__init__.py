"""Searches with several objectives: Pareto fronts, their quality, and the cells on them."""
