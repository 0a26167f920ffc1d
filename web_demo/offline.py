"""Offline visits of a static site: the list that its service worker keeps.

The worker of the built page, `sw.js`, removes itself unless a site is written in front of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from zoo.system import json_text

WORKER = "sw.js"
#: Large, loaded by the system when the page is installed, only for networks of other tasks, with
#: which it is kept, or not for visitors: the pages of `zoo verify` and `zoo bench` with their
#: scripts.
_LEFT_OUT = ("models/", "runs/", "pictures/", "preview.png", "icon-", "assets/writer-",
             "assets/sheet-", "verify.html", "bench.html", "assets/verify-", "assets/bench-",
             "assets/trial-", WORKER)


def worker(script: str, version: str, core: Collection[str]) -> str:
    """The service worker of a site whose visits need the files `core`.

    Examples:
        >>> worker("start();", "1", ["index.html"])
        'self.site = {"version": "1", "core": ["index.html"]};\\nstart();'
    """
    return f"self.site = {json_text.dumps({'version': version, 'core': list(core)})};\n{script}"


def core_of(site: Path, runtimes: Collection[str]) -> list[str]:
    """The files of the site for image networks and all rooms: without networks, pictures and the
    files of the `runtimes`, which are kept when they are loaded."""
    files = sorted(file.relative_to(site).as_posix() for file in site.rglob("*") if file.is_file())
    return [file for file in files if not file.startswith((*_LEFT_OUT, "."))
            and file not in runtimes]


def version_of(site: Path, files: Collection[str]) -> str:
    """A hash of the contents of `files`."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.encode() + b"\0" + hashlib.sha256((site / file).read_bytes()).digest())
    return digest.hexdigest()[:16]
