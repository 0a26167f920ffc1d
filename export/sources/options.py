"""The options of `zoo build`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass
class BuildOptions:
    """The options of a build; None where an option is not given."""

    network: str | None = None
    data: str | None = None
    path: Path | None = None  # folder of the data set, for real inputs
    weights: Path | str | None = None  # a file, an artifact, or the data set of shipped weights
    channels: int | None = None
    layers: int | None = None
    num_classes: int | None = None
    in_channels: int | None = None
    size: int | None = None
    vocabulary: int | None = None
    hidden: int | None = None
    seed: int = 0
    select: str | None = None  # one of several genotypes in a file
    input_shape: tuple[str, ...] | None = None  # NAME=1,3,224,224, of an ONNX file


def refuse(options: BuildOptions, what: str, names: Sequence[str]) -> None:
    """Raise ValueError for the first option of `names` that is given."""
    for name in names:
        if getattr(options, name) is not None:
            raise ValueError(f"{what}; leave --{name.replace('_', '-')} out")
