"""The browser runtimes, run in Chromium by the page's own files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.runtimes.base import Outcome, Selection, Timing
from web_demo import bench as page_bench
from web_demo import verify as page_verify


def verify(name: str, artifact: Path, backends: Sequence[str]) -> list[Outcome]:
    """Run the artifact's fixture on each backend.  Raises RuntimeMissing without a browser."""
    return [Outcome(**row) for row in page_verify.verify(artifact, name, backends)]


def times(artifacts: Sequence[Path], selected: Sequence[Selection], threads: int, runs: int
          ) -> list[list[Timing]]:
    """Time the first input of each artifact's fixture in each runtime and backend, interleaved in
    one page.

    Raises RuntimeMissing without a browser.
    """
    chosen = [(one.runtime.name, backend) for one in selected for backend in one.backends]
    named = [(one.runtime.name, backend) for one in selected if one.named
             for backend in one.backends]
    return [[Timing(row["runtime"], row["backend"], row["ms"], row["load_ms"], row["threads"],
                    row["reason"] or row["error"] or
                    ("GPU emulated in software" if row["software"] else ""),
                    failed=row["error"] is not None, software=row["software"]) for row in rows]
            for rows in page_bench.bench_each(artifacts, chosen, threads, runs, named)]


def found() -> str:
    """The path of the browser.  Raises RuntimeMissing without one."""
    return page_verify.chromium_path()
