"""Training, from a recipe and data to an artifact."""
