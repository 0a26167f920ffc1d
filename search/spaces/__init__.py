"""Search spaces: edges, operations, sampling, and discretization."""
