"""TF.js in Node, with the packages of the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.runtimes.base import Outcome, Selection, Timing
from web_demo import node


def verify(artifact: Path, backends: Sequence[str]) -> list[Outcome]:
    """Run the artifact's fixture on each backend.

    Raises RuntimeMissing without Node or its packages.
    """
    return [Outcome(**row) for row in node.verify(artifact, backends)]


def times(artifacts: Sequence[Path], selected: Sequence[Selection], threads: int, runs: int
          ) -> list[list[Timing]]:
    """Time the first input of each artifact's fixture on each backend, in separate processes, on
    one thread."""
    return [[Timing(one.runtime.name, row["backend"], row["ms"], None, 1,
                    row["reason"] or row["error"] or "", failed=row["error"] is not None)
             for one in selected for row in node.verify(artifact, one.backends, runs)]
            for artifact in artifacts]


def found() -> str:
    """The version of Node.  Raises RuntimeMissing without it or its packages."""
    return f"node {node.version()}"
