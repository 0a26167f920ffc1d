"""Fixtures of many searches of a few steps."""

import pytest

from tests.search.small_data import without_estimate


@pytest.fixture
def no_estimate(monkeypatch):
    """Skip the memory estimate: see `without_estimate`."""
    without_estimate(monkeypatch.setattr)
