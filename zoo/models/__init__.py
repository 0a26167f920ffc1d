"""Networks built from genotypes, and their cost."""
