"""An ONNX graph with all sizes fixed but the batch, and everything folded that depends on sizes.

ONNX Runtime folds, with its own basic optimizations: what is constant at these sizes, batch-norms
into convolutions, nodes that do nothing; what it leaves is folded by `onnx_rewrites`.  The batch
stays open where that is proved, see `onnx_batch`.
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

#: They write the graph in other words that suit ONNX Runtime's kernels.
_LEFT_OUT = ["TransposeOptimizer", "QDQPropagationTransformer", "EnsureUniqueDQForNodeUnit",
             "WeightBiasQuantization"]


@dataclass
class Folded:
    """`model` with fixed sizes; `open_batch` says whether its batch is open, `reason` why not."""

    model: onnx.ModelProto
    open_batch: bool
    reason: str = ""


def fixed_shapes(model: onnx.ModelProto, given: Mapping[str, Sequence[int]], size: int | None,
                 what: str) -> dict[str, list[int]]:
    """The shape of every input for a batch of 1: as the file says, else as the user did.

    Raises OnnxFileError for an open size that nobody said, and for a shape that does not fit.
    """
    shapes: dict[str, list[int]] = {}
    names = [value.name for value in true_inputs(model)]
    for name in given:
        if name not in names:
            raise OnnxFileError(f"{what}: there is no input {name!r}; it has {', '.join(names)}")
    for value in true_inputs(model):
        own: list[int | None] = sizes(value)
        if not value.type.tensor_type.HasField("shape") and value.name not in given:
            raise OnnxFileError(f"{what}: input {value.name!r} has no shape; say it with "
                                f"--input-shape {value.name}=1,...")
        if value.name in given:
            wanted = list(given[value.name])
            if own and (len(own) != len(wanted) or any(
                    n not in (None, m) for n, m in zip(own[1:], wanted[1:]))):
                shown = ",".join("?" if n is None else str(n) for n in own)
                raise OnnxFileError(f"{what}: input {value.name!r} has shape {shown}, and "
                                    f"{','.join(map(str, wanted))} does not fit it")
            shapes[value.name] = wanted
            continue
        filled = [1 if n is None and axis == 0 else
                  size if n is None and size and len(own) == 4 and axis >= 2 else n
                  for axis, n in enumerate(own)]
        if None in filled:
            shown = ",".join("?" if n is None else str(n) for n in filled)
            raise OnnxFileError(f"{what}: input {value.name!r} is open in sizes other than the "
                                f"batch ({shown}); say them, as in --input-shape "
                                f"{value.name}={shown.replace('?', '64')}")
        shapes[value.name] = [n for n in filled if n is not None]
    return shapes


def fold(model: onnx.ModelProto, shapes: dict[str, list[int]], what: str, single: str = "",
         other: Callable[[int], onnx.ModelProto] | None = None) -> Folded:
    """The graph at `shapes`, whose batch is open where it can be, unless it has to be a `single`
    one for some reason.  `other` gives the graph of another batch, where it is not this one.

    Raises OnnxFileError where ONNX Runtime cannot run it at these sizes.
    """
    one = _folded(model, shapes, what)
    batches = {shape[0] if shape else None for shape in shapes.values()}
    if single or batches != {1}:
        return Folded(one, False, single or "an input has no batch of its own")
    if other is None:
        loose = onnx_batch.without_a_batch_of_one(model, shapes)
        other = lambda _: loose  # noqa: E731
    try:
        two, three = (_folded(other(n), {name: [n, *shape[1:]] for name, shape in shapes.items()},
                              what) for n in (2, 3))
        for n, each in ((2, two), (3, three)):
            onnx_batch.rows_as_sums(each, n)
            onnx_batch.rows_as_one(each, n)
            _drop_unread(each.graph)
    except OnnxFileError:
        return Folded(one, False, "the graph takes one input at a time")
    reason = onnx_batch.open_up(two, three) or onnx_batch.disagreement(two, one, shapes)
    return Folded(one, False, reason) if reason else Folded(two, True)


def _folded(model: onnx.ModelProto, shapes: dict[str, list[int]], what: str) -> onnx.ModelProto:
    """By ONNX Runtime, at these shapes."""
    import onnxruntime

    model = onnx.ModelProto.FromString(model.SerializeToString())
    for value in true_inputs(model):
        set_sizes(value, list(shapes[value.name]))
    for output in model.graph.output:  # as it is at these sizes
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
                disabled_optimizers=_LEFT_OUT)
        except Exception as error:  # it has a dozen kinds
            raise OnnxFileError(f"{what}: ONNX Runtime cannot load it: {_line(error)}") from None
        folded = onnx.load(options.optimized_model_filepath)
        for output, known in zip(folded.graph.output, session.get_outputs()):
            set_sizes(output, [n if isinstance(n, (int, str)) else "open" for n in known.shape])
        del session
    if onnx_control_flow.fold(folded):  # what follows from it may be folded now
        return _folded(folded, shapes, what)
    onnx_rewrites.apply(folded)
    _zero_states(folded.graph)
    _spell_out(folded)
    _drop_unread(folded.graph)
    kept = [entry for entry in folded.opset_import if entry.domain in {
        "", *(node.domain for node in folded.graph.node)}]
    del folded.opset_import[:]
    folded.opset_import.extend(kept)
    return folded


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[text.rfind(" : ") + 3:][:300] if " : " in text else text[:300]


def _zero_states(graph: onnx.GraphProto) -> None:
    """A first state of zeros, of as many rows as the batch, is what a recurrent node has anyway."""
    zeros = {init.name for init in graph.initializer
             if init.data_type == TensorProto.FLOAT and not numpy_helper.to_array(init).any()}
    for node in graph.node:
        if node.op_type in ("LSTM", "GRU", "RNN"):
            for place in (5, 6):
                if place < len(node.input) and node.input[place] in zeros:
                    node.input[place] = ""


def _spell_out(model: onnx.ModelProto) -> None:
    """Every Reshape gets a target of its own, without -1 and 0."""
    graph = model.graph
    constants = {init.name for init in graph.initializer}
    try:
        inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    except onnx.shape_inference.InferenceError:  # a vendor's operation, which is refused later
        return
    known = {value.name: sizes(value) for value in (*inferred, *graph.output)}
    for place, node in enumerate(graph.node):
        shape = known.get(node.output[0]) if node.op_type == "Reshape" else None
        if shape is None or None in shape or node.input[1] not in constants:
            continue
        name = f"shape_of_{node.output[0]}_{place}"
        graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), name))
        node.input[1] = name


def _drop_unread(graph: onnx.GraphProto) -> None:
    read = {name for node in graph.node for name in node.input} | {v.name for v in graph.output}
    kept = [init for init in graph.initializer if init.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]


def turn_images(model: onnx.ModelProto) -> list[str]:
    """Images come channels last, as every browser has them and as TensorFlow computes: inputs
    (N, C, H, W) that go into convolutions are read through a Transpose.  In place; returns
    the names."""
    graph = model.graph
    through = {"Add", "Sub", "Mul", "Div", "Cast", "Identity", "Clip", "BatchNormalization", "Pad"}
    windows = {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "Resize", "Upsample"}
    turned = []
    for value in graph.input:
        if len(sizes(value)) != 4 or value.type.tensor_type.elem_type != TensorProto.FLOAT:
            continue
        reached, ends = {value.name}, set()
        for node in graph.node:
            if reached & set(node.input):
                ends.add(node.op_type)
                if node.op_type in through:
                    reached.update(node.output)
        if not ends & windows or ends - windows - through or any(
                output.name in reached for output in graph.output):
            continue
        inside = f"{value.name}_channels_first"
        for node in graph.node:
            for place, name in enumerate(node.input):
                if name == value.name:
                    node.input[place] = inside
        graph.node.insert(0, helper.make_node("Transpose", [value.name], [inside], inside,
                                              perm=[0, 3, 1, 2]))
        batch, channels, height, width = [
            dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        set_sizes(value, [batch, height, width, channels])
        turned.append(value.name)
    return turned
