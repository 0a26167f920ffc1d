"""Tests of the package zoo."""
