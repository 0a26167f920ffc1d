"""How networks are trained: published and shorter settings."""
