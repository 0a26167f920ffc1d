"""Check the fixture of an artifact on TensorFlow.js in Node, without code of the page."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from web_demo.chromium import RuntimeMissing
from web_demo.verify import Row, broken

HERE = Path(__file__).parent
BACKENDS = ("wasm", "cpu")


def verify(artifact: Path | str, backends: Iterable[str] | None = None, runs: int = 0,
           timeout: float = 300) -> list[Row]:
    """Rows like those of `web_demo.verify.verify`; with `runs`, `ms` is the median of so many runs
    on one input.  Raises RuntimeMissing if Node or the npm packages are not installed."""
    command = [_node(), str(HERE / "verify-node.mjs"), str(Path(artifact).resolve())]
    return [_row([*command, backend, str(runs)], backend, timeout)
            for backend in backends or BACKENDS]


def version() -> str:
    """The version of Node; raises RuntimeMissing like `verify`."""
    done = subprocess.run([_node(), "--version"], capture_output=True, text=True)
    return done.stdout.strip()


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise RuntimeMissing("node is not installed: install Node 20.19 or newer")
    if not (HERE / "node_modules" / "@tensorflow" / "tfjs-converter").is_dir():
        raise RuntimeMissing(
            f"TensorFlow.js is not installed for Node: run make page, or npm ci in {HERE}"
        )
    return node


def _row(command: list[str], backend: str, timeout: float) -> Row:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return broken(backend, f"Node did not respond within {timeout:.0f} s")
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return broken(backend, f"Node did not respond ({last})")
