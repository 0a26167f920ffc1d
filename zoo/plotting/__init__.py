"""Pictures of cells and of mistakes, as SVG."""
