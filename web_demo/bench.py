"""Time an artifact in the runtimes of the page, in alternation on one page."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from web_demo.artifacts import read_manifest
from web_demo.chromium import launch
from web_demo.server import running, serve
from web_demo.verify import playwright

#: One runtime and backend: runtime, backend, available, reason, software, error, ms, times,
#: load_ms, threads.
Row = dict[str, Any]


def bench(artifact: Path | str, chosen: Sequence[tuple[str, str]], threads: int = 1,
          runs: int = 31, software: Iterable[tuple[str, str]] = (), timeout: float = 900
          ) -> list[Row]:
    """One row for each (runtime, backend) of `chosen`: `ms` is the median of `runs` runs on one
    input, or None if the backend is unavailable or fails.

    Emulated GPUs are timed only for the (runtime, backend) pairs of `software`.  WebAssembly uses
    `threads` threads.  Raises RuntimeMissing like `web_demo.verify.verify`.
    """
    artifact = Path(artifact).resolve()
    read_manifest(artifact)
    given = (artifact, list(chosen), threads, runs, timeout)
    with ThreadPoolExecutor(1) as thread:  # see `web_demo.verify`
        rows = thread.submit(_in_chromium, *given, emulated=False).result()
        lacking = {(row["runtime"], row["backend"]) for row in rows if not row["available"]}
        if lacking & set(software):
            again = thread.submit(_in_chromium, *given, emulated=True).result()
            rows = [new if (row["runtime"], row["backend"]) in set(software) or row["available"]
                    else row for row, new in zip(rows, again)]
    for row in rows:
        row["ms"] = statistics.median(row["times"]) if row["times"] else None
    return rows


def _in_chromium(artifact: Path, chosen: Sequence[tuple[str, str]], threads: int, runs: int,
                 timeout: float, emulated: bool) -> list[Row]:
    asked = urlencode({"model": "models/artifact/", "of": ",".join(map(":".join, chosen)),
                       "threads": threads, "runs": runs, "software": int(emulated)})
    with running(serve({"artifact": artifact}, port=0)) as server, playwright() as started:
        browser = launch(started, software=emulated)
        try:
            page = browser.new_page()
            page.goto(f"{server.url}bench.html?{asked}")
            try:
                page.wait_for_selector("output[data-done]", timeout=timeout * 1000)
                return page.evaluate("window.zooBench")
            except Exception as error:
                line = f"Chromium did not respond ({str(error).splitlines()[0]})"
                return [{"runtime": runtime, "backend": backend, "available": True,
                         "reason": None, "software": False, "error": line, "ms": None,
                         "times": [], "load_ms": None, "threads": None}
                        for runtime, backend in chosen]
        finally:
            browser.close()
