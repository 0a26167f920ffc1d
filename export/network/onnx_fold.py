"""An ONNX graph with all sizes fixed but the batch, and everything folded that depends on sizes.

ONNX Runtime folds, with its own basic optimizations: what is constant at these sizes, batch-norms
into convolutions, nodes that do nothing or that nobody reads.  The batch stays open where that is
proved: the graph is folded for batches of 2 and of 3; where the two differ in target shapes only,
those sizes are those of the batch, and what the open graph then says of two inputs at once
has to be what it says of each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.network.onnx_file import OnnxFileError, set_sizes, sizes, true_inputs

#: They write the graph in other words that suit ONNX Runtime's kernels.
_LEFT_OUT = ["TransposeOptimizer", "QDQPropagationTransformer", "EnsureUniqueDQForNodeUnit",
             "WeightBiasQuantization"]
#: What a graph says of inputs together and of each alone may differ by this share of the largest.
_NEAR = 1e-4


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
    loose = None if other else _without_a_batch_of_one(model, shapes)
    try:
        two, three = (_folded(loose or other(n), {name: [n, *shape[1:]] for name, shape in shapes.items()},
                              what) for n in (2, 3))
    except OnnxFileError:
        return Folded(one, False, "the graph takes one input at a time")
    reason = _open_up(two, three) or _disagreement(two, one, shapes)
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


def _without_a_batch_of_one(model: onnx.ModelProto, shapes: dict[str, list[int]]
                            ) -> onnx.ModelProto:
    """Where a Reshape to a constant begins with the 1 of its input's batch, it copies that size."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    for value in true_inputs(model):
        set_sizes(value, list(shapes[value.name]))
    graph = model.graph
    try:
        known = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info
    except Exception:  # what is missing here costs an open batch, nothing else
        return model
    first = {value.name: sizes(value)[:1] for value in (*known, *graph.input)}
    constants = {init.name: numpy_helper.to_array(init) for init in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    for place, node in enumerate(graph.node):
        target = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        if target is None or not target.size or target.flat[0] != 1 \
                or first.get(node.input[0]) != [1]:
            continue
        name = f"{node.output[0]}_of_a_batch_{place}"
        copied = np.array([0, *target.reshape(-1)[1:]], np.int64)
        graph.initializer.append(numpy_helper.from_array(copied, name))
        node.input[1] = name
    return model


def _open_up(two: onnx.ModelProto, three: onnx.ModelProto) -> str:
    """Open the batch of `two`, in place; returns why it cannot be, or nothing."""
    def wiring(graph: onnx.GraphProto) -> list[tuple]:
        return [(node.op_type, list(node.input), list(node.output)) for node in graph.node]

    if wiring(two.graph) != wiring(three.graph):
        return "the graph has other nodes for another batch"
    others = {init.name: init for init in three.graph.initializer}
    readers: dict[str, list[tuple[str, int]]] = {}
    for node in two.graph.node:
        for place, name in enumerate(node.input):
            readers.setdefault(name, []).append((node.op_type, place))
    for init in two.graph.initializer:
        other = others.get(init.name)
        if other is None or list(other.dims) != list(init.dims):
            return f"the constant {init.name!r} has a row for each input"
        if init.SerializeToString() == other.SerializeToString():
            continue
        if set(readers[init.name]) != {("Reshape", 1)}:
            return f"the constant {init.name!r} depends on the batch"
        pair = [numpy_helper.to_array(each).tolist() for each in (init, other)]
        shape = _open_shape(*pair)
        if shape is None:
            return f"a Reshape to {pair[0]}"
        init.CopyFrom(numpy_helper.from_array(np.array(shape, np.int64), init.name))
    for value, other in zip((*two.graph.input, *two.graph.output),
                            (*three.graph.input, *three.graph.output)):
        set_sizes(value, [("batch" if n == 2 and m == 3 else "open") if n != m else n or "open"
                          for n, m in zip(sizes(value), sizes(other))])
    return ""


def _open_shape(two: list[int], three: list[int]) -> list[int] | None:
    """A target shape for batches of 2 and 3 as one for all."""
    moved = [axis for axis, (n, m) in enumerate(zip(two, three)) if n != m]
    if len(moved) != 1 or 3 * two[moved[0]] != 2 * three[moved[0]] or -1 in two:
        return None
    return [-1 if axis in moved else n for axis, n in enumerate(two)]


def _disagreement(opened: onnx.ModelProto, one: onnx.ModelProto, shapes: dict[str, list[int]]
                  ) -> str:
    """Two inputs together beside each of them alone; nothing where they agree."""
    from export.network.onnx_samples import samples, session

    try:
        given = [samples(one, shapes, seed) for seed in (1, 2)]
        together = session(opened).run(None, {name: np.concatenate([each[name] for each in given])
                                              for name in shapes})
        alone = [session(one).run(None, each) for each in given]
    except Exception:  # ONNX Runtime's reasons are those of a graph that nobody wrote
        return "two inputs at once do not run"
    for value, first, second, both in zip(opened.graph.output, *alone, together):
        if sizes(value)[:1] != [None]:
            return f"the output {value.name!r} has no batch"
        wanted = np.concatenate([first, second])
        scale = max(1e-30, float(np.abs(wanted.astype(np.float64)).max(initial=0)))
        if both.shape != wanted.shape or not np.allclose(both, wanted, rtol=0, atol=_NEAR * scale,
                                                         equal_nan=True):
            return "inputs that are computed together change each other"
    return ""


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
