"""Progress reports within an epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

#: Called within an epoch with (steps done, steps in total, current metrics).
Report: TypeAlias = Callable[[int, int, dict], None]


def silent(done: int, total: int, facts: dict) -> None:
    """Ignore the progress."""
