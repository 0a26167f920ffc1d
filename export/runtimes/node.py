"""TF.js in Node, with the packages of the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.runtimes.base import Outcome
from web_demo import verify as page


def verify(artifact: Path, backends: Sequence[str]) -> list[Outcome]:
    """The artifact's fixture on each backend; RuntimeMissing without Node or its packages."""
    return [Outcome(**row) for row in page.verify(artifact, "node", backends)]


def found() -> str:
    """Which Node there is; RuntimeMissing says what is missing."""
    return f"node {page.node_version()}"
