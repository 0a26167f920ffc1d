"""The source that a user names: an .onnx or .pt2 file, an artifact folder, or a cell."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from export.pipeline import Source
from export.sources import cell
from export.sources.options import BuildOptions, refuse
from zoo.artifact import folder as artifact
from zoo.registry import registered


def _onnx(path: Path, wanted: BuildOptions) -> Source:
    from export.sources.onnx_file import from_file

    return from_file(path, wanted.input_shape or (), wanted.size)


def _pt2(path: Path, wanted: BuildOptions) -> Source:
    from export.sources.exported_program import from_file

    return from_file(path, wanted.input_shape or ())


#: By the ending of a file's name: what it is called, the options that go with it, its source.
FILES: dict[str, tuple[str, tuple[str, ...], Callable[[Path, BuildOptions], Source]]] = {
    ".onnx": ("an ONNX file", ("input_shape", "size", "seed"), _onnx),
    ".pt2": ("an exported program", ("input_shape", "seed"), _pt2),
}


def find(target: str, wanted: BuildOptions) -> Source:
    """The source that `target` names: a file of `FILES`, an artifact folder,
    a genotype file, or a cell.

    Raises UnknownCellError, GenotypeError, ArtifactError, WeightsError or ValueError.
    """
    for name in ("channels", "layers", "num_classes", "in_channels", "size", "vocabulary",
                 "hidden"):
        value = getattr(wanted, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
    path = Path(target)
    if path.suffix.lower() in FILES and not path.is_dir():
        what, fitting, source = FILES[path.suffix.lower()]
        if not path.is_file():
            raise ValueError(f"there is no file {target}")
        refuse(wanted, f"{target} is {what}, which brings its own settings",
               [option.name for option in dataclasses.fields(wanted)
                if option.name not in fitting])
        return source(path, wanted)
    refuse(wanted, f"{target} is no {' or '.join(FILES)} file", ("input_shape",))
    # A folder that is no artifact may have the name of a cell by chance.
    if path.is_dir() and ((path / artifact.MANIFEST).exists() or not registered(target)):
        return cell.from_artifact(path, wanted)
    return cell.from_name(target, wanted)
