"""Runs an artifact's fixture in the real runtime: TensorFlow.js in Chromium or in Node."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from web_demo.artifacts import read_manifest
from web_demo.chromium import RuntimeMissing, launch
from web_demo.server import running, serve

if TYPE_CHECKING:
    from playwright.sync_api import Page

HERE = Path(__file__).parent
IMAGES_AT_ONCE = 20
BACKENDS = {"chromium": ("wasm", "webgl", "webgpu", "cpu"), "node": ("wasm", "cpu")}


def verify(
    artifact: Path,
    runtime: str = "chromium",
    backends: Iterable[str] | None = None,
    timeout: float = 300,
) -> list[dict]:
    """One row for each backend: backend, available, reason, ok, max_difference, limit, ms, error.

    A backend that this machine lacks has `available` False and its reason; a wrong or broken one
    has `ok` False. RuntimeMissing is raised when there is no browser or no Node to run in.
    """
    if runtime not in BACKENDS:
        raise ValueError(f"{runtime} is no runtime: choose {' or '.join(BACKENDS)}")
    artifact = Path(artifact).resolve()
    read_manifest(artifact)
    run = _in_chromium if runtime == "chromium" else _in_node
    # Playwright refuses to work where an event loop runs, as in a notebook; a new thread has none.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run, artifact, tuple(backends or BACKENDS[runtime]), timeout).result()


def classify(
    artifact: Path,
    images: np.ndarray,
    backends: Iterable[str] = BACKENDS["chromium"],
    timeout: float = 300,
) -> list[dict]:
    """The rows of `verify` in Chromium, each with `answers`: the most probable class of each of
    `images` (N, H, W, C), raw; None where nothing ran.  RuntimeMissing as in `verify`.
    """
    artifact = Path(artifact).resolve()
    read_manifest(artifact)
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(_in_chromium, artifact, tuple(backends), timeout, images)
        return run.result()


def _in_chromium(
    artifact: Path, backends: tuple[str, ...], timeout: float, images: np.ndarray | None = None
) -> list[dict]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise RuntimeMissing(
            "playwright is not installed: run pip install playwright, or choose --runtime node"
        ) from None
    with running(serve({"artifact": artifact}, port=0)) as server, sync_playwright() as playwright:

        def run(*backends: str) -> list[dict]:
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
    new_page: Callable, url: str, backend: str, timeout: float, images: np.ndarray | None
) -> dict:
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


def _in_node(artifact: Path, backends: tuple[str, ...], timeout: float) -> list[dict]:
    node = shutil.which("node")
    if node is None:
        raise RuntimeMissing(
            "node is not installed: install Node 20.19 or newer, or choose --runtime chromium"
        )
    if not (HERE / "node_modules" / "@tensorflow" / "tfjs-converter").is_dir():
        raise RuntimeMissing(
            f"TensorFlow.js is not installed for Node: run npm ci in {HERE}, or choose --runtime "
            "chromium"
        )
    return [_in_process(node, artifact, backend, timeout) for backend in backends]


def _in_process(node: str, artifact: Path, backend: str, timeout: float) -> dict:
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


def _broken(backend: str, error: str) -> dict:
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
