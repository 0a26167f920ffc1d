"""Finds Chromium, and starts it so that every backend runs, without a graphics processor too."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

FLAGS = [
    "--enable-unsafe-webgpu",
    "--enable-features=Vulkan",
    "--ignore-gpu-blocklist",
    # Graphics in software on a busy machine take longer than the watchdog allows.
    "--disable-gpu-watchdog",
    # Containers run as root and have no user namespaces; only pages of our own server are opened.
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Vulkan in software (SwiftShader, which comes with Chromium) carries WebGL and WebGPU at once.
SOFTWARE = [
    "--use-webgpu-adapter=swiftshader",
    "--use-vulkan=swiftshader",
    "--use-angle=vulkan",
    "--enable-unsafe-swiftshader",
]


class RuntimeMissing(RuntimeError):
    """No browser, no Playwright or no Node: one line that says which, and what to do."""


def find_chromium(playwright: Playwright | None = None) -> str | None:
    """$CHROMIUM, then Chromium or Chrome on PATH, then the one that Playwright downloaded."""
    asked = os.environ.get("CHROMIUM")
    if asked:
        return shutil.which(asked)
    for name in NAMES:
        if path := shutil.which(name):
            return path
    own = playwright.chromium.executable_path if playwright else None
    return own if own and Path(own).exists() else None


def require_chromium(playwright: Playwright) -> str:
    """The path that `find_chromium` finds; RuntimeMissing when there is none."""
    if path := find_chromium(playwright):
        return path
    asked = os.environ.get("CHROMIUM")
    where = (
        f"$CHROMIUM names {asked}, which cannot be run"
        if asked
        else "no Chromium or Chrome was found"
    )
    raise RuntimeMissing(
        f"{where}: install one, run 'playwright install chromium', or set $CHROMIUM to its path"
    )


def launch(playwright: Playwright, *flags: str, software: bool = True) -> Browser:
    """A headless Chromium, whose graphics are in `software` or what the machine has;
    RuntimeMissing when there is none, or it does not start."""
    path = require_chromium(playwright)
    graphics = SOFTWARE if software else []
    try:
        return playwright.chromium.launch(executable_path=path,
                                          args=[*FLAGS, *graphics, *flags])
    except Exception as error:
        first = str(error).splitlines()[0]
        raise RuntimeMissing(
            f"{path} did not start ({first}): set $CHROMIUM to another browser"
        ) from error
