"""Chromium outside tests/browser, whose Playwright occupies the event loop of its thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def apart(function: Callable[..., object], *arguments: object) -> None:
    """Call `function` in another thread; raise its errors and skips here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(function, *arguments).result()
