"""What a user of `zoo build` asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass
class BuildOptions:
    """What a user asked for; None where nothing was said."""

    network: str | None = None
    data: str | None = None
    path: Path | None = None  # where the data set lies, for real inputs
    weights: Path | str | None = None  # a file, an artifact, or the data set of shipped ones
    channels: int | None = None
    layers: int | None = None
    num_classes: int | None = None
    in_channels: int | None = None
    size: int | None = None
    vocabulary: int | None = None
    hidden: int | None = None
    seed: int = 0
    select: str | None = None  # of several genotypes in a file
    input_shape: tuple[str, ...] | None = None  # NAME=1,3,224,224, of an ONNX file


def refuse(wanted: BuildOptions, what: str, options: Sequence[str]) -> None:
    """Raise ValueError for the first of `options` that was given."""
    for name in options:
        if getattr(wanted, name) is not None:
            raise ValueError(f"{what}; leave --{name.replace('_', '-')} out")
