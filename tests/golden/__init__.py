"""Reference outputs of the 2018 DARTS definition, and the runner that compares with them."""
