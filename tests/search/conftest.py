"""What many searches of a few steps leave out."""

import pytest

from tests.search.small_data import without_estimate


@pytest.fixture
def no_estimate(monkeypatch):
    """No estimate of the memory: see `without_estimate`."""
    without_estimate(monkeypatch.setattr)
