"""Find Chromium, and start it so that every backend runs, even without a GPU."""

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
    # Emulated GPUs on a busy machine exceed the time limit of the watchdog.
    "--disable-gpu-watchdog",
    # Containers run as root without user namespaces; only our own pages are opened.
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# SwiftShader, the Vulkan emulator of Chromium, runs both WebGL and WebGPU.
SOFTWARE = [
    "--use-webgpu-adapter=swiftshader",
    "--use-vulkan=swiftshader",
    "--use-angle=vulkan",
    "--enable-unsafe-swiftshader",
]


class RuntimeMissing(RuntimeError):
    """The browser, Playwright or Node is missing; the message says how to install it."""


def find_chromium(playwright: Playwright | None = None) -> str | None:
    """$CHROMIUM, else Chromium or Chrome on PATH, else the download of Playwright."""
    asked = os.environ.get("CHROMIUM")
    if asked:
        return shutil.which(asked)
    for name in NAMES:
        if path := shutil.which(name):
            return path
    download = playwright.chromium.executable_path if playwright else None
    return download if download and Path(download).exists() else None


def require_chromium(playwright: Playwright) -> str:
    """The path of Chromium; raises RuntimeMissing if there is none."""
    if path := find_chromium(playwright):
        return path
    asked = os.environ.get("CHROMIUM")
    where = (
        f"$CHROMIUM is {asked}, which is not executable"
        if asked
        else "no Chromium or Chrome found"
    )
    raise RuntimeMissing(
        f"{where}: install one, run 'playwright install chromium', or set $CHROMIUM to its path"
    )


def launch(playwright: Playwright, *flags: str, software: bool = True) -> Browser:
    """A headless Chromium, with an emulated GPU if `software`, else with that of the machine;
    raises RuntimeMissing if there is none or it does not start."""
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
