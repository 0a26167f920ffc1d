"""Drawings of cells and confusion matrices, as SVG."""
