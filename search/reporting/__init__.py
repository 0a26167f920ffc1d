"""Output of a search: history, report, plots, comparisons, terminal."""
