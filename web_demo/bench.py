"""Time artifacts in the runtimes of the page, in alternation on one page."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from web_demo.artifacts import read_manifest
from web_demo.chromium import launch
from web_demo.server import running, serve
from web_demo.verify import playwright
from zoo.latency.turns import steady

#: One model, runtime and backend: model, runtime, backend, available, reason, software, error, ms,
#: times, load_ms, threads.
Row = dict[str, Any]


def bench(artifact: Path | str, chosen: Sequence[tuple[str, str]], threads: int = 1,
          runs: int = 31, software: Iterable[tuple[str, str]] = (), timeout: float = 900
          ) -> list[Row]:
    """One row for each (runtime, backend) of `chosen`: `ms` is the median of `runs` runs on one
    input, or None if the backend is unavailable or fails.

    Emulated GPUs are timed only for the (runtime, backend) pairs of `software`.  WebAssembly uses
    `threads` threads.  Raises RuntimeMissing like `web_demo.verify.verify`.
    """
    return bench_each([artifact], chosen, threads, runs, software, timeout)[0]


def bench_each(artifacts: Sequence[Path | str], chosen: Sequence[tuple[str, str]],
               threads: int = 1, runs: int = 31, software: Iterable[tuple[str, str]] = (),
               timeout: float = 900) -> list[list[Row]]:
    """The rows of `bench` for each artifact.  Several artifacts are timed in turn in one worker of
    a page, in the only runtime and backend of `chosen`, and `ms` is that of `steady`."""
    places = {f"artifact-{index}": Path(artifact).resolve()
              for index, artifact in enumerate(artifacts)}
    for place in places.values():
        read_manifest(place)
    given = (places, list(chosen), threads, runs, timeout)
    with ThreadPoolExecutor(1) as thread:  # see `web_demo.verify`
        rows = thread.submit(_in_chromium, *given, emulated=False).result()
        lacking = {(row["runtime"], row["backend"]) for row in rows if not row["available"]}
        if lacking & set(software):
            again = thread.submit(_in_chromium, *given, emulated=True).result()
            rows = [new if (row["runtime"], row["backend"]) in set(software) or row["available"]
                    else row for row, new in zip(rows, again)]
    for row in rows:
        row["ms"] = statistics.median(row["times"]) if row["times"] else None
    if len(places) > 1 and all(row["times"] for row in rows):
        for row, ms in zip(rows, steady([row["times"] for row in rows])):
            row["ms"] = ms
    return [rows[first:first + len(chosen)] for first in range(0, len(rows), len(chosen))]


def _in_chromium(places: Mapping[str, Path], chosen: Sequence[tuple[str, str]], threads: int,
                 runs: int, timeout: float, emulated: bool) -> list[Row]:
    models = [f"models/{name}/" for name in places]
    asked = urlencode({"model": ",".join(models), "of": ",".join(map(":".join, chosen)),
                       "threads": threads, "runs": runs, "software": int(emulated)})
    with running(serve(places, port=0)) as server, playwright() as started:
        browser = launch(started, software=emulated)
        try:
            page = browser.new_page()
            page.goto(f"{server.url}bench.html?{asked}")
            try:
                page.wait_for_selector("output[data-done]", timeout=timeout * 1000)
                return page.evaluate("window.zooBench")
            except Exception as error:
                line = f"Chromium did not respond ({str(error).splitlines()[0]})"
                return [{"model": model, "runtime": runtime, "backend": backend,
                         "available": True, "reason": None, "software": False, "error": line,
                         "ms": None, "times": [], "load_ms": None, "threads": None}
                        for model in models for runtime, backend in chosen]
        finally:
            browser.close()
