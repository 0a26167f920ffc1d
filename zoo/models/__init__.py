"""The networks of genotypes, and what they cost."""
