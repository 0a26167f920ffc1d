"""The source that a user names: an .onnx or .pt2 file, an artifact in a folder, in a zip or on the
Hugging Face Hub, or a cell."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from export.pipeline import Source
from export.sources import cell
from export.sources.options import BuildOptions, refuse
from zoo.artifact import folder as artifact
from zoo.artifact import zipped
from zoo.hub import artifact as hub
from zoo.hub.address import is_address
from zoo.registry import registered


def _onnx(path: Path, options: BuildOptions) -> Source:
    from export.sources.onnx_file import from_file

    return from_file(path, options.input_shape or (), options.size)


def _pt2(path: Path, options: BuildOptions) -> Source:
    from export.sources.exported_program import from_file

    return from_file(path, options.input_shape or ())


def _zip(path: Path, options: BuildOptions) -> Source:
    return cell.from_artifact(zipped.find(path), options)


#: By file extension: a noun phrase for messages, the options that apply, the source.
FILES: dict[str, tuple[str, tuple[str, ...], Callable[[Path, BuildOptions], Source]]] = {
    ".onnx": ("an ONNX file", ("input_shape", "size", "seed"), _onnx),
    ".pt2": ("an exported program", ("input_shape", "seed"), _pt2),
    ".zip": ("an artifact", ("path", "seed"), _zip),
}


def _from_hub(place: hub.HubArtifact, options: BuildOptions) -> Source:
    """The source of an artifact on the hub; its manifest names the commit."""
    source = cell.from_artifact(place, options)
    earlier = [each for each in source.manifest.source.split("; ") if each and each != str(place)]
    return dataclasses.replace(source, manifest=source.manifest.model_copy(
        update={"source": "; ".join([*earlier, str(place)])}))


def find(target: str, options: BuildOptions) -> Source:
    """The source named by `target`: a file of `FILES`, such as the zip of an artifact, an
    artifact's folder or its address on the hub, a genotype file or a cell.

    Raises UnknownCellError, GenotypeError, ArtifactError, WeightsError, HubError or ValueError.
    """
    for name in ("channels", "layers", "num_classes", "in_channels", "size", "vocabulary",
                 "hidden"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
    if is_address(target):
        refuse(options, f"{target} is an artifact", ("input_shape",))
        return _from_hub(hub.find(target), options)
    path = Path(target)
    if path.suffix.lower() in FILES and not path.is_dir():
        what, fitting, source = FILES[path.suffix.lower()]
        if not path.is_file():
            raise ValueError(f"file {target} does not exist")
        refuse(options, f"{target} is {what}, which brings its own settings",
               [option.name for option in dataclasses.fields(options)
                if option.name not in fitting])
        return source(path, options)
    shaped = " or ".join(suffix for suffix, (_, fitting, _) in FILES.items()
                         if "input_shape" in fitting)
    refuse(options, f"{target} is not an {shaped} file", ("input_shape",))
    # A folder without a manifest may share its name with a cell.
    if path.is_dir() and ((path / artifact.MANIFEST).exists() or not registered(target)):
        return cell.from_artifact(path, options)
    return cell.from_name(target, options)
