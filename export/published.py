"""Builds the published cells with shipped weights, for `zoo demo --gallery`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from zoo import weights
from zoo.artifact.folder import ArtifactError, read_manifest

#: Visitors of a gallery open several networks, so larger weights are left out.
LARGEST = 2_000_000


def published() -> list[tuple[str, str]]:
    """The cells and data sets of the shipped weights of at most `LARGEST` bytes.

    >>> ("DARTS_V2", "digits") in published()
    True
    """
    files = sorted(weights.HERE.glob("*.safetensors"))
    names = [path.stem.rpartition("-") for path in files if path.stat().st_size <= LARGEST]
    return [(cell, data) for cell, _, data in names]


def build_published(folder: Path, form: str = "tfjs",
                    started: Callable[[str], None] = lambda name: None) -> list[Path]:
    """Export each of `published()` to `folder`/CELL-DATA, unless it has the format `form` there.

    Returns the artifact folders.  `started` is called with the name of each before it is built.
    An interrupted build leaves the finished ones.

    Raises what `export.pipeline.build` raises, such as ArtifactError for a folder with another
    network.
    """
    folders = []
    for cell, data in published():
        directory = Path(folder) / f"{cell}-{data}"
        if not _has(directory, form):
            started(directory.name)
            build(find(cell, BuildOptions(weights=data)), [form], directory)
        folders.append(directory)
    return folders


def _has(directory: Path, form: str) -> bool:
    try:
        files = read_manifest(directory).files
    except ArtifactError:
        return False
    return any(name.startswith(f"{form}/") and (directory / name).is_file() for name in files)
