"""`zoo build`, `verify`, `bench`, `doctor`: from a cell to checked files that run elsewhere."""
