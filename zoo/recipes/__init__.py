"""Training recipes: published settings and shorter ones."""
