"""TF.js in Chromium, which the page's own files drive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.runtimes.base import Outcome
from web_demo import verify as page


def verify(artifact: Path, backends: Sequence[str]) -> list[Outcome]:
    """The artifact's fixture on each backend; RuntimeMissing without a browser."""
    return [Outcome(**row) for row in page.verify(artifact, "chromium", backends)]


def found() -> str:
    """The path of the browser; RuntimeMissing says what is missing."""
    return page.chromium_path()
