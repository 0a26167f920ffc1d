"""What a search tells: rows, reports, plots, comparisons."""
