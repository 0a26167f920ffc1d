"""Neural architecture search: data set -> search -> genotype, registered in the user's zoo."""
