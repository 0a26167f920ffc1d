"""What each runtime of the page makes a browser load, gzipped: its script and its WebAssembly.

    python -m benchmarks.downloads

Counted are the files of the built page that come while a small network is loaded, in Chromium, less
those that come without any runtime.
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
    """The files of the page that come, the worker's too, by their path."""
    context = browser.new_context()
    paths: set[str] = set()
    context.on("request", lambda request: paths.add(urlsplit(request.url).path.lstrip("/")))
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("output[data-done]", timeout=300_000)
    context.close()
    return {path for path in paths if path.startswith("assets/")}


def size(paths: set[str]) -> float:
    """Megabytes, each file gzipped."""
    return sum(len(gzip.compress((built_page() / path).read_bytes(), 9)) for path in paths) / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "artifact"
        model = zoo.create_model("DARTS", channels=4, layers=3)
        build(from_model(model, "small"), list(FORMATS), folder)
        print("| runtime | backend | MB | largest file |\n|---|---|---:|---|")
        with running(serve({"artifact": folder}, port=0)) as server, playwright() as started:
            browser = launch(started)

            def asked(runtime: str, backend: str) -> set[str]:
                query = urlencode({"model": "models/artifact/", "runtime": runtime,
                                   "backend": backend})
                return loaded(browser, f"{server.url}verify.html?{query}")

            without = asked("none", "cpu")
            for runtime in RUNTIMES.values():
                for backend in runtime.backends:
                    own = asked(runtime.name, backend) - without
                    largest = max(own, key=lambda path: (built_page() / path).stat().st_size)
                    print(f"| {runtime.title} | {backend} | {size(own):.2f} | "
                          f"`{largest.removeprefix('assets/')}` |")
            browser.close()


if __name__ == "__main__":
    main()
