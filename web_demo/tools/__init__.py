"""Commands for the development of the page."""
