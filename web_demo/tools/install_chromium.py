"""``python -m web_demo.tools.install_chromium``: install a browser for the browser tests.

Uses an installed browser, else downloads that of Playwright, else installs the system package.
Without any it prints a message and exits with 0, or with 1 under CI=true.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from playwright.sync_api import sync_playwright

from web_demo.chromium import find_chromium

_SYSTEM = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"]


def _found() -> str | None:
    with sync_playwright() as playwright:
        return find_chromium(playwright)


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, text=True).returncode == 0
    except OSError:  # no such command, as sudo in a container
        return False


def install() -> str | None:
    """The path of Chromium, installed if necessary; None if that fails."""
    if path := _found():
        return path
    print("no Chromium found; downloading that of Playwright", file=sys.stderr)
    if _runs(sys.executable, "-m", "playwright", "install", "chromium") and (path := _found()):
        return path
    if shutil.which("apt-get"):
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        print("installing the system package", file=sys.stderr)
        if _runs(*sudo, "apt-get", "update", "-q") and _runs(*sudo, *_SYSTEM):
            return _found()
    return None


if __name__ == "__main__":
    found = install()
    print(f"Chromium: {found}" if found else
          "no Chromium: install one, or set $CHROMIUM to its path; browser tests are skipped")
    sys.exit(1 if not found and os.environ.get("CI") == "true" else 0)
