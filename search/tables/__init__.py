"""Search against a table: what a cell is worth is looked up, and a search takes milliseconds."""
