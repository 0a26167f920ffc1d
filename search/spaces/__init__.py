"""What is searched in: edges, operations, samples, and their discretization."""
