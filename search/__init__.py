"""Finds new cells: data set -> search -> genotype, registered in the user's zoo."""
