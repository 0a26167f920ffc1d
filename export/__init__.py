"""Exports: PyTorch -> ONNX -> TensorFlow -> TensorFlow.js, with a parity check at each hop.

Examples:
    >>> import export, zoo
    >>> model = zoo.create_model("DARTS", weights="digits")
    >>> manifest = export.export(model, "onnx", "exports/mine")
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.artifact.manifest import Input, Manifest

if TYPE_CHECKING:
    from zoo.models.factory import ZooNetwork

__all__ = ["Input", "export"]

# Read by TensorFlow when it is first imported.  Its oneDNN kernels order sums differently from
# run to run and add fusions to the graph that TF.js does not know; its logs are for failures.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Read by ONNX Runtime when it is first imported: it would report to its maker and keep a session
# file in the temporary folder; an export needs no network.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def export(model: ZooNetwork, formats: str | Sequence[str], directory: Path | str, *,
           name: str | None = None, input: Input | None = None, labels: Sequence[str] = (),
           vocabulary: Sequence[str] = (), precision: str = "float32", converter: str = "zoo",
           replace: bool = False) -> Manifest:
    """Write the artifact of a network made by `zoo.create_model`, and return its manifest.

    `formats` are names of `export.formats.base.FORMATS`, such as 'tfjs'; `input`, an
    `export.Input`, says what images or tokens the network takes, `labels` and `vocabulary` what
    they are called (see `export.source.from_model`).  Formats are added to those of the same
    network in `directory`; with `replace` they take their place.  Errors are those of
    `export.pipeline.build`; nothing is written then.

    Examples:
        >>> import export, zoo
        >>> model = zoo.create_model("DARTS", channels=4, layers=3, in_channels=1)
        >>> images = export.Input(height=8, width=8, channels=1, mean=[0.3], std=[0.4])
        >>> manifest = export.export(model, "onnx", "exports/small", input=images)
        >>> [(hop.hop, hop.max_difference <= hop.limit) for hop in manifest.parity]
        [('onnx', True)]
    """
    from export.pipeline import build
    from export.source import from_model

    name = Path(directory).name if name is None else name
    if not name.strip():
        raise ValueError("the name of an export is empty; give one, or leave it out")
    source = from_model(model, name, input, labels, vocabulary)
    wanted = [formats] if isinstance(formats, str) else list(formats)
    return build(source, wanted, directory, precision, converter, replace=replace)
