"""Gzipped download size of each browser runtime: its scripts and WebAssembly.

    python -m benchmarks.downloads

It is the size of the page's files that Chromium requests to load a small network, without those it
requests for no runtime.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import zoo
from export.pipeline import build
from export.sources.cell import from_model
from web_demo.chromium import launch
from web_demo.runtimes import FORMATS, RUNTIMES
from web_demo.server import running, serve
from web_demo.site import built_page
from web_demo.verify import playwright


def loaded(browser, address: str) -> set[str]:
    """Paths of the page's files that the browser requests, the worker's included."""
    context = browser.new_context()
    paths: set[str] = set()
    context.on("request", lambda request: paths.add(urlsplit(request.url).path.lstrip("/")))
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("output[data-done]", timeout=300_000)
    context.close()
    return {path for path in paths if path.startswith("assets/")}


def size(paths: set[str]) -> float:
    """Megabytes of the files, each gzipped."""
    return sum(len(gzip.compress((built_page() / path).read_bytes(), 9)) for path in paths) / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "artifact"
        model = zoo.create_model("DARTS", channels=4, layers=3)
        build(from_model(model, "small"), list(FORMATS), folder)
        print("| runtime | backend | MB | largest file |\n|---|---|---:|---|")
        with running(serve({"artifact": folder}, port=0)) as server, playwright() as started:
            browser = launch(started)

            def requested(runtime: str, backend: str) -> set[str]:
                query = urlencode({"model": "models/artifact/", "runtime": runtime,
                                   "backend": backend})
                return loaded(browser, f"{server.url}verify.html?{query}")

            base = requested("none", "cpu")
            for runtime in RUNTIMES.values():
                for backend in runtime.backends:
                    own = requested(runtime.name, backend) - base
                    largest = max(own, key=lambda path: (built_page() / path).stat().st_size)
                    print(f"| {runtime.title} | {backend} | {size(own):.2f} | "
                          f"`{largest.removeprefix('assets/')}` |")
            browser.close()


if __name__ == "__main__":
    main()
