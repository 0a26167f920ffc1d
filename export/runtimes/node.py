"""TF.js in Node, with the packages of the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.runtimes.base import Asked, Outcome, Timing
from web_demo import node


def verify(artifact: Path, backends: Sequence[str]) -> list[Outcome]:
    """The artifact's fixture on each backend; RuntimeMissing without Node or its packages."""
    return [Outcome(**row) for row in node.verify(artifact, backends)]


def times(artifact: Path, asked: Sequence[Asked], threads: int, runs: int) -> list[Timing]:
    """The first input of the fixture on each backend, in processes of their own, on one thread."""
    rows = [(one.runtime.name, row) for one in asked
            for row in node.verify(artifact, one.backends, runs)]
    return [Timing(name, row["backend"], row["ms"], None, 1, row["reason"] or row["error"] or "",
                   failed=row["error"] is not None) for name, row in rows]


def found() -> str:
    """Which Node there is; RuntimeMissing says what is missing."""
    return f"node {node.version()}"
