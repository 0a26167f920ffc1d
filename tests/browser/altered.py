"""Artifacts with changed files or manifests whose hashes match."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from zoo.artifact import folder as folders
from zoo.artifact.manifest import Manifest


def changed(artifact: Path, folder: Path, place: int, by: float) -> Path:
    """A copy with one changed number in the outputs of its fixture."""
    shutil.copytree(artifact, folder)
    path = folder / json.loads((folder / "manifest.json").read_text())["fixture"]["logits"]
    values = np.fromfile(path, "<f4")
    values[place] += by
    values.tofile(path)
    reseal(folder)
    return folder


def reseal(folder: Path, **changes) -> None:
    """Write the manifest again, with `changes` and the hashes of the files."""
    manifest = json.loads((folder / "manifest.json").read_text())
    folders.finalize(folder, Manifest.model_validate({**manifest, **changes}))
