"""Check the fixture of an artifact in a real browser, in one of the runtimes of the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from web_demo.artifacts import read_manifest
from web_demo.chromium import RuntimeMissing, launch, require_chromium
from web_demo.runtimes import RUNTIMES
from web_demo.server import running, serve
from zoo.messages.spelling import choices

if TYPE_CHECKING:
    import numpy as np
    from playwright.sync_api import Page, Playwright

IMAGES_AT_ONCE = 20

#: One backend: backend, available, reason, ok, max_difference, limit, ms, error.
Row = dict[str, Any]


def verify(artifact: Path | str, runtime: str = "tfjs", backends: Iterable[str] | None = None,
           timeout: float = 300) -> list[Row]:
    """One row for each backend: backend, available, reason, ok, max_difference, limit, ms, error.

    `available` is False, with a reason, for backends that this machine lacks; `ok` is False for
    wrong results and errors.  Raises RuntimeMissing without a browser, and ValueError for an
    unknown runtime.
    """
    return _rows(artifact, runtime, backends, timeout, None)


def classify(artifact: Path | str, images: np.ndarray, runtime: str = "tfjs",
             backends: Iterable[str] | None = None, timeout: float = 300) -> list[Row]:
    """The rows of `verify`, each with `answers`: the most probable classes of `images`
    (N, H, W, C), raw pixels, or None if the backend did not run.  Raises like `verify`."""
    return _rows(artifact, runtime, backends, timeout, images)


def chromium_path() -> str:
    """The path of the browser; raises RuntimeMissing if there is none."""
    with playwright() as started:
        return require_chromium(started)


def playwright() -> AbstractContextManager[Playwright]:
    """Playwright; raises RuntimeMissing if it is not installed."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise RuntimeMissing("playwright is not installed: run pip install playwright") from None
    return sync_playwright()


def _rows(artifact: Path | str, runtime: str, backends: Iterable[str] | None, timeout: float,
          images: np.ndarray | None) -> list[Row]:
    if runtime not in RUNTIMES:
        raise ValueError(f"unknown runtime {choices(runtime, RUNTIMES)}")
    artifact = Path(artifact).resolve()
    read_manifest(artifact)
    chosen = tuple(backends or RUNTIMES[runtime].backends)
    # Playwright does not work in a running event loop, as in notebooks; a new thread has none.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_in_chromium, artifact, runtime, chosen, timeout, images).result()


def _in_chromium(artifact: Path, runtime: str, backends: tuple[str, ...], timeout: float,
                 images: np.ndarray | None) -> list[Row]:
    with running(serve({"artifact": artifact}, port=0)) as server, playwright() as started:

        def run(*backends: str) -> list[Row]:
            browser = launch(started)
            try:
                # One page per backend, so that they share no state.
                return [
                    _in_page(browser.new_page, server.url, runtime, backend, timeout, images)
                    for backend in backends
                ]
            finally:
                browser.close()

        rows = run(*backends)
        # After a crash of its GPU process a browser has no WebGL or WebGPU until it restarts.
        missing = [row["backend"] for row in rows if not row["available"]]
        again = iter(run(*missing) if missing else ())
        return [row if row["available"] else next(again) for row in rows]


def _in_page(new_page: Callable[[], Page], url: str, runtime: str, backend: str, timeout: float,
             images: np.ndarray | None) -> Row:
    asked = urlencode({"model": "models/artifact/", "runtime": runtime, "backend": backend})
    page = new_page()
    try:
        page.goto(f"{url}verify.html?{asked}")
        page.wait_for_selector("output[data-done]", timeout=timeout * 1000)
        row = page.evaluate("window.zooVerify")
        if images is not None:
            row["answers"] = _answers(page, images) if row["limit"] is not None else None
        return row
    except Exception as error:
        return broken(backend, f"Chromium did not respond ({str(error).splitlines()[0]})")
    finally:
        page.close()


def _answers(page: Page, images: np.ndarray) -> list[int] | None:
    """The most probable classes, or None if the backend is unavailable."""
    import numpy as np

    answers: list[int] = []
    for first in range(0, len(images), IMAGES_AT_ONCE):
        part = np.ascontiguousarray(images[first : first + IMAGES_AT_ONCE], "<f4")
        found = page.evaluate(
            "(pixels) => window.zooClassify && window.zooClassify(pixels)",
            base64.b64encode(part.tobytes()).decode(),
        )
        if found is None:
            return None
        answers += found
    return answers


def broken(backend: str, error: str) -> Row:
    """The row of a backend that failed."""
    return {"backend": backend, "available": True, "reason": None, "ok": False,
            "max_difference": None, "limit": None, "ms": None, "error": error}
