"""How a search tells, inside an epoch, how far it is."""

from __future__ import annotations

from collections.abc import Callable

#: Called inside an epoch with (steps done, steps in all, facts of the moment).
Report = Callable[[int, int, dict], None]


def silent(done: int, total: int, facts: dict) -> None:
    """A report that nobody reads."""
