"""An ONNX file as a source; the reference is ONNX Runtime on the unmodified file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from export.checks import parity
from export.converter import graph as converter
from export.network import onnx_file, onnx_fold, onnx_samples
from export.network.onnx_file import OnnxFileError, true_inputs
from export.sources import custom
from export.sources.custom import CustomModel
from zoo.artifact.manifest import Origin

_SAMPLES = 4


def from_file(path: Path, shapes: Sequence[str] = (), size: int | None = None,
              single: str = "") -> CustomModel:
    """The source of the ONNX file at `path`.  `shapes`, as ``NAME=1,3,224,224``, set sizes that the
    file leaves open, `size` height and width of images.  `single` is why the batch has to be 1.

    Raises OnnxFileError for an unusable file, UnsupportedNodeError for an unsupported opset.
    """
    what = str(path)
    content = onnx_file.read(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    converter.opset(content)
    _check_values(content, what)
    reals = onnx.ModelProto.FromString(content.SerializeToString())
    other = onnx_file.in_float32(reals)
    notes = [f"Numbers of {' and '.join(other)} are computed in float32."] if other else []
    fixed = onnx_fold.fixed_shapes(reals, dict(parsed(each) for each in shapes), size, what)
    folded = onnx_fold.fold(reals, fixed, what, single)
    original = content if other == ["float64"] else reals
    expected = _reference(original, fixed, folded.open_batch, what)
    return custom.source(
        "onnx", path.stem, folded, expected, Origin(file=path.name, sha256=sha256),
        _parameters(content), len(content.graph.node), notes,
        single=lambda: from_file(path, shapes, size, "a node needs a fixed one"))


def parsed(text: str) -> tuple[str, list[int]]:
    """Name and shape of ``NAME=1,3,224,224``.  Raises OnnxFileError for any other text."""
    name, sign, numbers = text.rpartition("=")
    try:
        shape = [int(number) for number in numbers.split(",")]
    except ValueError:
        shape = []
    if not sign or not shape or min(shape) < 1:
        raise OnnxFileError(f"--input-shape {text!r} is not a shape; write NAME=1,3,224,224")
    return name, shape


def _check_values(model: onnx.ModelProto, what: str) -> None:
    for value in (*true_inputs(model), *model.graph.output):
        kind = value.type.tensor_type.elem_type
        if not value.type.HasField("tensor_type"):
            raise OnnxFileError(f"{what}: {value.name!r} is a sequence, map or optional, not a "
                                "tensor, which no browser supports")
        if kind == onnx.TensorProto.STRING or kind in (onnx.TensorProto.COMPLEX64,
                                                       onnx.TensorProto.COMPLEX128):
            raise OnnxFileError(f"{what}: {value.name!r} holds text or complex numbers, which "
                                "cannot be converted")


def _parameters(model: onnx.ModelProto) -> int:
    """The number of weights, integers other than 8-bit ones excluded."""
    tensors = [*model.graph.initializer,
               *(a.t for node in model.graph.node if node.op_type == "Constant"
                 for a in node.attribute if a.name == "value")]
    return sum(math.prod(t.dims) for t in tensors if t.data_type in (
        onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16,
        onnx.TensorProto.BFLOAT16, onnx.TensorProto.INT8, onnx.TensorProto.UINT8))


def _reference(model: onnx.ModelProto, shapes: dict[str, list[int]], open_batch: bool, what: str
               ) -> parity.Reference:
    """The outputs of the file for random inputs, each run alone.  The float32 error is estimated
    from ONNX Runtime without its optimizations."""
    samples = [onnx_samples.samples(model, shapes, seed)
               for seed in range(_SAMPLES if open_batch else 1)]
    try:
        results = onnx_samples.outputs_of_each(model, samples)
        unoptimized = onnx_samples.outputs(model, samples[0], optimized=False)
    except Exception as error:
        raise OnnxFileError(f"{what}: ONNX Runtime cannot run it: "
                            f"{' '.join(str(error).split())[:300]}") from None
    inputs = {name: np.concatenate([each[name] for each in samples]) for name in shapes} \
        if open_batch else samples[0]
    first = results[0]
    outputs = {name: np.concatenate([each[name] for each in results]) if open_batch else first[name]
               for name in first}
    float32 = {}
    for name, value in outputs.items():
        if not np.isfinite(value.astype(np.float64)).all():
            raise OnnxFileError(f"{what}: its output {name!r} is not finite for random inputs, so "
                                "parity cannot be checked")
        errors = np.abs(unoptimized[name].astype(np.float64) - first[name].astype(np.float64))
        float32[name] = float(errors.max(initial=0))
    narrowed = {name: value.astype(np.float32) if value.dtype.kind == "f" else value
                for name, value in inputs.items()}
    return parity.Reference(narrowed, outputs, 0, float32, open_batch)
