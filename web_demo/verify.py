"""Runs an artifact's fixture in the real runtime: TensorFlow.js in Chromium or in Node."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from web_demo.artifacts import read_manifest
from web_demo.chromium import RuntimeMissing, launch, require_chromium
from web_demo.server import running, serve
from zoo.messages.spelling import choices

if TYPE_CHECKING:
    import numpy as np
    from playwright.sync_api import Page, Playwright

HERE = Path(__file__).parent
IMAGES_AT_ONCE = 20
#: What each of the two runtimes here can run on.
BACKENDS = {"chromium": ("wasm", "webgl", "webgpu", "cpu"), "node": ("wasm", "cpu")}

#: One backend: backend, available, reason, ok, max_difference, limit, ms, error.
Row = dict[str, Any]


def verify(
    artifact: Path | str,
    runtime: str = "chromium",
    backends: Iterable[str] | None = None,
    timeout: float = 300,
) -> list[Row]:
    """One row for each backend: backend, available, reason, ok, max_difference, limit, ms, error.

    A backend that this machine lacks has `available` False and its reason; a wrong or broken one
    has `ok` False. RuntimeMissing is raised when there is no browser or no Node to run in.
    """
    if runtime not in BACKENDS:
        raise ValueError(f"unknown runtime {choices(runtime, BACKENDS)}")
    artifact = Path(artifact).resolve()
    read_manifest(artifact)
    run = _in_chromium if runtime == "chromium" else _in_node
    # Playwright refuses to work where an event loop runs, as in a notebook; a new thread has none.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run, artifact, tuple(backends or BACKENDS[runtime]), timeout).result()


def classify(
    artifact: Path | str,
    images: np.ndarray,
    backends: Iterable[str] = BACKENDS["chromium"],
    timeout: float = 300,
) -> list[Row]:
    """The rows of `verify` in Chromium, each with `answers`: the most probable class of each of
    `images` (N, H, W, C), raw; None where nothing ran.  RuntimeMissing as in `verify`.
    """
    artifact = Path(artifact).resolve()
    read_manifest(artifact)
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(_in_chromium, artifact, tuple(backends), timeout, images)
        return run.result()


def chromium_path() -> str:
    """Where the browser lies that would run; RuntimeMissing when there is none."""
    with _playwright() as playwright:
        return require_chromium(playwright)


def node_version() -> str:
    """The version of the Node that would run; RuntimeMissing when it or the packages of the page
    are not installed."""
    done = subprocess.run([_node(), "--version"], capture_output=True, text=True)
    return done.stdout.strip()


def _playwright() -> AbstractContextManager[Playwright]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise RuntimeMissing("playwright is not installed: run pip install playwright") from None
    return sync_playwright()


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise RuntimeMissing("node is not installed: install Node 20.19 or newer")
    if not (HERE / "node_modules" / "@tensorflow" / "tfjs-converter").is_dir():
        raise RuntimeMissing(
            f"TensorFlow.js is not installed for Node: run make page, or npm ci in {HERE}"
        )
    return node


def _in_chromium(
    artifact: Path, backends: tuple[str, ...], timeout: float, images: np.ndarray | None = None
) -> list[Row]:
    with running(serve({"artifact": artifact}, port=0)) as server, _playwright() as playwright:

        def run(*backends: str) -> list[Row]:
            browser = launch(playwright)
            try:
                # A page for each backend: none inherits what another one left behind.
                return [
                    _in_page(browser.new_page, server.url, backend, timeout, images)
                    for backend in backends
                ]
            finally:
                browser.close()

        rows = run(*backends)
        # A browser whose graphics process fell over offers no graphics until it is started anew.
        missing = [row["backend"] for row in rows if not row["available"]]
        again = iter(run(*missing) if missing else ())
        return [row if row["available"] else next(again) for row in rows]


def _in_page(
    new_page: Callable[[], Page],
    url: str,
    backend: str,
    timeout: float,
    images: np.ndarray | None,
) -> Row:
    page = new_page()
    try:
        page.goto(f"{url}verify.html?model=models/artifact/&backend={quote(backend)}")
        page.wait_for_selector("output[data-done]", timeout=timeout * 1000)
        row = page.evaluate("window.zooVerify")
        if images is not None:
            row["answers"] = _answers(page, images) if row["error"] is None else None
        return row
    except Exception as error:
        return _broken(backend, f"Chromium gave no answer ({str(error).splitlines()[0]})")
    finally:
        page.close()


def _answers(page: Page, images: np.ndarray) -> list[int] | None:
    """None when the backend is not here."""
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


def _in_node(artifact: Path, backends: tuple[str, ...], timeout: float) -> list[Row]:
    node = _node()
    return [_in_process(node, artifact, backend, timeout) for backend in backends]


def _in_process(node: str, artifact: Path, backend: str, timeout: float) -> Row:
    command = [node, str(HERE / "verify-node.mjs"), str(artifact), backend]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return _broken(backend, f"Node gave no answer in {timeout:.0f} s")
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return _broken(
            backend,
            f"Node gave no answer ({(done.stderr.strip().splitlines() or ['no output'])[-1]})",
        )


def _broken(backend: str, error: str) -> Row:
    return {
        "backend": backend,
        "available": True,
        "reason": None,
        "ok": False,
        "max_difference": None,
        "limit": None,
        "ms": None,
        "error": error,
    }
