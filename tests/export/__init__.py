"""Tests of the export chain, grouped by promise."""
