"""Replayed kernels give the results of TensorFlow.js bit for bit, without leaks; graphs that depend
on values are not replayed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.conftest import unavailable
from web_demo.node import HERE

SOURCE = HERE / "src/runtime/recorded.ts"


@pytest.fixture(scope="module")
def compared(artifact, tmp_path_factory) -> dict[str, dict]:
    """By backend and graph: same, walks (runs that traversed the graph), leaks."""
    if shutil.which("node") is None or not (HERE / "node_modules/.bin/tsc").exists():
        unavailable("Node or the packages of the page are not installed: run make page")
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(SOURCE, folder)
    shutil.copy(Path(__file__).with_name("recorded.mjs"), folder)
    subprocess.run(["node", "node_modules/.bin/tsc", "--module", "esnext", "--moduleResolution",
                    "bundler", "--target", "es2022", "--lib", "es2023,dom", "--skipLibCheck",
                    "recorded.ts"], cwd=folder, check=True, timeout=120)
    ran = subprocess.run(["node", "recorded.mjs", str(artifact)], cwd=folder, capture_output=True,
                         text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.parametrize("backend", ["cpu", "wasm"])
@pytest.mark.parametrize("graph, walks", [
    ("sum", 1), ("reshape", 1), ("shape of the input", 1), ("network", 2),  # of two sizes
    ("shape of its numbers", 3), ("input as output", 3), ("output twice", 3)])
def test_a_replay_equals_its_recording(compared, backend, graph, walks):
    found = compared[f"{backend}: {graph}"]
    assert found["same"] and found["walks"] == walks
    assert not found["leaks"] and found["after"] == 0


@pytest.mark.parametrize("backend", ["cpu", "wasm"])
def test_an_error_in_a_kernel_leaks_nothing(compared, backend):
    assert compared[f"{backend}: interrupted"] == {"failures": 2, "leaks": False, "after": 0}
