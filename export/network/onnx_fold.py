"""Folds an ONNX graph at fixed sizes; the batch stays open where possible.

ONNX Runtime's basic optimizations fold constants and batch norms and remove no-ops; `onnx_rewrites`
folds the rest.  `onnx_batch` opens the batch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.network import onnx_batch, onnx_control_flow, onnx_rewrites
from export.network.onnx_file import OnnxFileError, set_sizes, sizes, true_inputs

#: Optimizers that rewrite the graph for ONNX Runtime's own kernels.
_DISABLED = ["TransposeOptimizer", "QDQPropagationTransformer", "EnsureUniqueDQForNodeUnit",
             "WeightBiasQuantization"]


@dataclass
class Folded:
    """`model` with fixed sizes; `open_batch` tells whether its batch is open, `reason` why not."""

    model: onnx.ModelProto
    open_batch: bool
    reason: str = ""


def fixed_shapes(model: onnx.ModelProto, requested: Mapping[str, Sequence[int]], size: int | None,
                 what: str) -> dict[str, list[int]]:
    """The shape of every input for a batch of 1: that of the file, its open sizes as `requested`.

    Raises OnnxFileError for an open size that is not requested and a shape that does not fit.
    """
    shapes: dict[str, list[int]] = {}
    names = [value.name for value in true_inputs(model)]
    for name in requested:
        if name not in names:
            raise OnnxFileError(f"{what} has no input {name!r}; its inputs are {', '.join(names)}")
    for value in true_inputs(model):
        own: list[int | None] = sizes(value)
        if not value.type.tensor_type.HasField("shape") and value.name not in requested:
            raise OnnxFileError(f"{what}: input {value.name!r} has no shape; set it with "
                                f"--input-shape {value.name}=1,...")
        if value.name in requested:
            shape = list(requested[value.name])
            if own and (len(own) != len(shape) or any(
                    n not in (None, m) for n, m in zip(own[1:], shape[1:]))):
                shown = ",".join("?" if n is None else str(n) for n in own)
                raise OnnxFileError(f"{what}: input {value.name!r} has shape {shown}, which "
                                    f"{','.join(map(str, shape))} does not fit")
            shapes[value.name] = shape
            continue
        filled = [1 if n is None and axis == 0 else
                  size if n is None and size and len(own) == 4 and axis >= 2 else n
                  for axis, n in enumerate(own)]
        if None in filled:
            shown = ",".join("?" if n is None else str(n) for n in filled)
            raise OnnxFileError(f"{what}: input {value.name!r} has open sizes besides the batch "
                                f"({shown}); set them, as in --input-shape "
                                f"{value.name}={shown.replace('?', '64')}")
        shapes[value.name] = [n for n in filled if n is not None]
    return shapes


def fold(model: onnx.ModelProto, shapes: dict[str, list[int]], what: str, single: str = "",
         other: Callable[[int], onnx.ModelProto] | None = None) -> Folded:
    """The graph folded at `shapes`, with an open batch where possible.  `single` is a reason for a
    batch of 1, if any; `other` returns the graph for another batch, if it is not `model`.

    Raises OnnxFileError if ONNX Runtime cannot load the graph at these sizes.
    """
    one = _folded(model, shapes, what)
    batches = {shape[0] if shape else None for shape in shapes.values()}
    if single or batches != {1}:
        return Folded(one, False, single or "an input has no batch axis")
    if other is None:
        relaxed = onnx_batch.without_a_batch_of_one(model, shapes)
        other = lambda _: relaxed  # noqa: E731
    try:
        two, three = (_folded(other(n), {name: [n, *shape[1:]] for name, shape in shapes.items()},
                              what) for n in (2, 3))
        for n, each in ((2, two), (3, three)):
            onnx_batch.rows_as_sums(each, n)
            onnx_batch.rows_as_one(each, n)
            _drop_unused(each.graph)
    except OnnxFileError:
        return Folded(one, False, "the graph runs with a batch of 1 only")
    reason = onnx_batch.open_up(two, three) or onnx_batch.disagreement(two, one, shapes)
    return Folded(one, False, reason) if reason else Folded(two, True)


def _folded(model: onnx.ModelProto, shapes: dict[str, list[int]], what: str) -> onnx.ModelProto:
    """The graph folded by ONNX Runtime at these shapes."""
    import onnxruntime

    model = onnx.ModelProto.FromString(model.SerializeToString())
    for value in true_inputs(model):
        set_sizes(value, list(shapes[value.name]))
    for output in model.graph.output:  # recomputed at these sizes
        output.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, ["CPUExecutionProvider"],
                disabled_optimizers=_DISABLED)
        except Exception as error:  # ONNX Runtime raises a dozen types
            raise OnnxFileError(f"{what}: ONNX Runtime cannot load it: {_line(error)}") from None
        folded = onnx.load(options.optimized_model_filepath)
        for output, value in zip(folded.graph.output, session.get_outputs()):
            set_sizes(output, [n if isinstance(n, (int, str)) else "open" for n in value.shape])
        del session
    if onnx_control_flow.fold(folded):  # its readers may be foldable now
        return _folded(folded, shapes, what)
    onnx_rewrites.apply(folded)
    _zero_states(folded.graph)
    _fix_reshapes(folded)
    _drop_unused(folded.graph)
    kept = [entry for entry in folded.opset_import if entry.domain in {
        "", *(node.domain for node in folded.graph.node)}]
    del folded.opset_import[:]
    folded.opset_import.extend(kept)
    return folded


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[text.rfind(" : ") + 3:][:300] if " : " in text else text[:300]


def _zero_states(graph: onnx.GraphProto) -> None:
    """Drop initial states of zeros, whose rows fix the batch: they are the default."""
    zeros = {init.name for init in graph.initializer
             if init.data_type == TensorProto.FLOAT and not numpy_helper.to_array(init).any()}
    for node in graph.node:
        if node.op_type in ("LSTM", "GRU", "RNN"):
            for index in (5, 6):
                if index < len(node.input) and node.input[index] in zeros:
                    node.input[index] = ""


def _fix_reshapes(model: onnx.ModelProto) -> None:
    """Give each Reshape its own target shape, without -1 and 0."""
    graph = model.graph
    constants = {init.name for init in graph.initializer}
    try:
        inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    except onnx.shape_inference.InferenceError:  # a vendor's operation, rejected later
        return
    shapes = {value.name: sizes(value) for value in (*inferred, *graph.output)}
    for index, node in enumerate(graph.node):
        shape = shapes.get(node.output[0]) if node.op_type == "Reshape" else None
        if shape is None or None in shape or node.input[1] not in constants:
            continue
        name = f"shape_of_{node.output[0]}_{index}"
        graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), name))
        node.input[1] = name


def _drop_unused(graph: onnx.GraphProto) -> None:
    read = {name for node in graph.node for name in onnx_control_flow.reads(node)} | {
        value.name for value in graph.output}
    kept = [init for init in graph.initializer if init.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]


def turn_images(model: onnx.ModelProto) -> list[str]:
    """Make image inputs channels last, as in browsers and TensorFlow: inputs (N, C, H, W) that feed
    convolutions are read through a Transpose.  In place; returns their names."""
    graph = model.graph
    through = {"Add", "Sub", "Mul", "Div", "Cast", "Identity", "Clip", "BatchNormalization", "Pad"}
    windows = {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "Resize", "Upsample"}
    turned = []
    for value in graph.input:
        if len(sizes(value)) != 4 or value.type.tensor_type.elem_type != TensorProto.FLOAT:
            continue
        reached, ends = {value.name}, set()
        for node in graph.node:
            if reached.intersection(onnx_control_flow.reads(node)):
                ends.add(node.op_type)
                if node.op_type in through:
                    reached.update(node.output)
        if not ends & windows or ends - windows - through or any(
                output.name in reached for output in graph.output):
            continue
        inside = f"{value.name}_channels_first"
        for node in graph.node:
            for index, name in enumerate(node.input):
                if name == value.name:
                    node.input[index] = inside
        graph.node.insert(0, helper.make_node("Transpose", [value.name], [inside], inside,
                                              perm=[0, 3, 1, 2]))
        batch, channels, height, width = [
            dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        set_sizes(value, [batch, height, width, channels])
        turned.append(value.name)
    return turned
