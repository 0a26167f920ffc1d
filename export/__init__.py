"""Exports: PyTorch -> ONNX -> TensorFlow -> TensorFlow.js, with a parity check at each hop.

Examples:
    >>> import export, zoo
    >>> model = zoo.create_model("DARTS", weights="digits")
    >>> manifest = export.export(model, "onnx", "exports/mine")
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.artifact.manifest import Input, Manifest

if TYPE_CHECKING:
    from torch import Tensor, nn

    from export.pipeline import Source

__all__ = ["Input", "export"]

# Read by TensorFlow on import.  Its oneDNN kernels order sums differently from run to run and add
# fusions to the graph that TF.js does not support; its logs are shown only after a failure.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Read by ONNX Runtime on import: no telemetry and no session file in the temporary folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def export(model: nn.Module, formats: str | Sequence[str], directory: Path | str, *,
           example: Tensor | Sequence[Tensor] | Mapping[str, Tensor] | None = None,
           name: str | None = None, input: Input | None = None, labels: Sequence[str] = (),
           vocabulary: Sequence[str] = (), precision: str = "float32", converter: str = "zoo",
           replace: bool = False, inspect: bool = False) -> Manifest:
    """Write the artifact of a network and return its manifest.

    `model` is a network made by `zoo.create_model`, any other module in eval mode or an
    ExportedProgram; it is not modified.  `formats` are names of `export.formats.base.FORMATS`, such
    as 'tfjs'.

    Any other module needs one of two arguments.  Either `example`: a tensor, a sequence of tensors
    or a mapping by argument name; the batch, their first axis, is open in the export if the module
    allows.  Or `input`, an `export.Input`, for a network from images (N, channels, H, W) to logits
    (N, classes): the export then takes raw pixels (N, H, W, channels), normalizes them, and returns
    `logits` and `probabilities`.

    For a network of the zoo, `input` describes its images or tokens and is optional, see
    `export.sources.cell.from_model`.  `labels` and `vocabulary` name the classes and tokens.
    Formats are added to those of the same network in `directory`, or with `replace` replace them.
    `inspect` adds a graph with the feature maps of every cell, see `export.inspection`.
    Raises the errors of `export.pipeline.build`, and ProgramError, a ValueError with the line of
    the module's code, for a module that cannot be exported; nothing is written then.

    Examples:
        >>> import export, torch, zoo
        >>> model = zoo.create_model("DARTS", channels=4, layers=3, in_channels=1)
        >>> images = export.Input(height=8, width=8, channels=1, mean=[0.3], std=[0.4])
        >>> manifest = export.export(model, "onnx", "exports/small", input=images)
        >>> [(hop.hop, hop.max_difference <= hop.limit) for hop in manifest.parity]
        [('onnx', True)]
        >>> linear = torch.nn.Linear(4, 2).eval()
        >>> manifest = export.export(linear, "onnx", "exports/linear", example=torch.rand(1, 4))
        >>> [(each.name, each.shape) for each in (*manifest.takes, *manifest.gives)]
        [('input', [None, 4]), ('output', [None, 2])]
    """
    from export.pipeline import build

    name = Path(directory).name if name is None else name
    if not name.strip():
        raise ValueError("the name of an export is empty; give one, or leave it out")
    chosen = [formats] if isinstance(formats, str) else list(formats)
    return build(_source(model, name, example, input, labels, vocabulary), chosen, directory,
                 precision, converter, replace=replace, inspect=inspect)


def _source(model: nn.Module, name: str, example: Any, input: Input | None, labels: Sequence[str],
            vocabulary: Sequence[str]) -> Source:
    from zoo.models.factory import ZooNetwork

    if isinstance(model, ZooNetwork):
        from export.sources.cell import from_model

        if example is not None:
            raise ValueError("a network of the zoo needs no example; leave example= out")
        return from_model(model, name, input, labels, vocabulary)
    from torch.export import ExportedProgram

    from export.sources import exported_program
    from export.sources.module import from_module

    if isinstance(model, ExportedProgram):
        if example is not None or input is not None or labels:
            raise ValueError("an exported program has its own inputs; leave example=, input= and "
                             "labels= out")
        return exported_program.from_program(model, name, "the program", "torch.export")
    if vocabulary:
        raise ValueError("a vocabulary is for language models of the zoo; leave it out")
    return from_module(model, name, example, input, labels)
