"""Chromium beside the tests of tests/browser, whose Playwright holds their thread's event loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def apart(function: Callable[..., object], *arguments: object) -> None:
    """Call `function` in a thread of its own; its errors, and skips, are raised here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(function, *arguments).result()
