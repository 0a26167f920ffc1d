"""What describes a cell: the genotypes of every kind, as values, JSON and text."""
