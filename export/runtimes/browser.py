"""The runtimes of the page in Chromium, which the page's own files drive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.runtimes.base import Asked, Outcome, Timing
from web_demo import bench as page_bench
from web_demo import verify as page_verify


def verify(name: str, artifact: Path, backends: Sequence[str]) -> list[Outcome]:
    """The artifact's fixture on each backend; RuntimeMissing without a browser."""
    return [Outcome(**row) for row in page_verify.verify(artifact, name, backends)]


def times(artifact: Path, asked: Sequence[Asked], threads: int, runs: int) -> list[Timing]:
    """The first input of the fixture in each runtime and backend, all in one page, in turn;
    RuntimeMissing without a browser."""
    chosen = [(one.runtime.name, backend) for one in asked for backend in one.backends]
    named = [(one.runtime.name, backend) for one in asked if one.named for backend in one.backends]
    rows = page_bench.bench(artifact, chosen, threads, runs, named)
    return [Timing(row["runtime"], row["backend"], row["ms"], row["load_ms"], row["threads"],
                   row["reason"] or row["error"] or
                   ("graphics imitated in software" if row["software"] else ""),
                   failed=row["error"] is not None, software=row["software"]) for row in rows]


def found() -> str:
    """The path of the browser; RuntimeMissing says what is missing."""
    return page_verify.chromium_path()
