"""Opens the batch of a folded ONNX graph if a check passes.

The graph is folded for batches of 2 and of 3.  If the two differ only in batch sizes, these are
rewritten to follow the input; the open graph then has to compute the same for two inputs at once as
for each alone.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.network.onnx_file import set_sizes, sizes, true_inputs

#: Tolerance between outputs computed together and alone, as a share of the largest value.
_TOLERANCE = 1e-4


def without_a_batch_of_one(model: onnx.ModelProto, shapes: dict[str, list[int]]
                           ) -> onnx.ModelProto:
    """A copy where a Reshape to a constant (1, ...) copies its input's batch of 1 instead."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    for value in true_inputs(model):
        set_sizes(value, list(shapes[value.name]))
    graph = model.graph
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info
    except Exception:  # costs only the open batch
        return model
    first = {value.name: sizes(value)[:1] for value in (*inferred, *graph.input)}
    constants = {init.name: numpy_helper.to_array(init) for init in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    for index, node in enumerate(graph.node):
        target = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        if target is None or not target.size or target.flat[0] != 1 \
                or first.get(node.input[0]) != [1]:
            continue
        name = f"{node.output[0]}_of_a_batch_{index}"
        copied = np.array([0, *target.reshape(-1)[1:]], np.int64)
        graph.initializer.append(numpy_helper.from_array(copied, name))
        node.input[1] = name
    rows_as_sums(model, 1)
    return model


def _shapes(model: onnx.ModelProto) -> dict[str, list[int | None]]:
    """All inferred shapes by name."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except onnx.shape_inference.InferenceError:  # a vendor's operation, rejected later
        inferred = model.graph
    return {value.name: sizes(value) for value in (*inferred.value_info, *inferred.input,
                                                   *inferred.output)}


def rows_as_sums(model: onnx.ModelProto, batch: int) -> None:
    """Replace the concatenation of a constant row to each input, such as the class token of a
    vision transformer, by its addition to the padded input.  In place and exact: everything else
    gets zero added."""
    graph = model.graph
    constants = {init.name: init for init in graph.initializer}
    shapes: dict[str, list[int | None]] | None = None
    for index in reversed(range(len(graph.node))):
        node = graph.node[index]
        if node.op_type != "Concat":
            continue
        rows = [_row(constants.get(name), batch) for name in node.input]
        (axis,) = (attribute.i for attribute in node.attribute if attribute.name == "axis")
        if sum(row is None for row in rows) != 1 or axis == 0 or len(rows) == 1:
            continue
        shapes = shapes or _shapes(model)
        middle = next(number for number, row in enumerate(rows) if row is None)
        shape = shapes.get(node.input[middle])
        if not shape or None in shape[1:] or shape[0] != batch or axis == -len(shape):
            continue
        axis %= len(shape)
        ones = [1, *shape[1:]]
        added = np.concatenate([np.zeros(ones, np.float32) if row is None else row  # pyright: ignore
                                for row in rows], axis)
        pads = np.zeros((2, len(shape)), np.int64)
        pads[0, axis] = sum(row.shape[axis] for row in rows[:middle] if row is not None)
        pads[1, axis] = sum(row.shape[axis] for row in rows[middle + 1:] if row is not None)
        name = node.output[0]
        graph.initializer.extend([numpy_helper.from_array(pads.reshape(-1), f"{name}_pads"),
                                  numpy_helper.from_array(added, f"{name}_rows")])
        padded = helper.make_node("Pad", [node.input[middle], f"{name}_pads"], [f"{name}_padded"],
                                  f"{node.name}_padded")
        total = helper.make_node("Add", [f"{name}_padded", f"{name}_rows"], [name], node.name)
        graph.node.remove(node)
        graph.node.insert(index, total)
        graph.node.insert(index, padded)


#: Operations that broadcast one row over a batch.
_BROADCASTING = {"Add", "Sub", "Mul", "Div", "Pow", "Where", "And", "Or", "Equal", "Greater",
                 "Less", "GreaterOrEqual", "LessOrEqual", "Max", "Min"}


def rows_as_one(model: onnx.ModelProto, batch: int) -> None:
    """Reduce a constant that repeats one row for each input of a batch to that row, if all its
    readers broadcast it over another input.  In place."""
    graph = model.graph
    shapes: dict[str, list[int | None]] | None = None
    for init in graph.initializer:
        if list(init.dims[:1]) != [batch] or not init.dims[1:]:
            continue
        value = numpy_helper.to_array(init)
        if not (value == value[:1]).all():
            continue
        shapes = shapes or _shapes(model)
        readers = [node for node in graph.node if init.name in node.input]
        if all(node.op_type in _BROADCASTING and any(
                len(shapes.get(name, ())) == value.ndim and shapes[name][0] == batch
                for name in node.input) for node in readers):
            init.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value[:1]), init.name))


def _row(init: onnx.TensorProto | None, batch: int) -> np.ndarray | None:
    """The row that a constant repeats for each input, as a batch of 1, or None."""
    if init is None or init.data_type != TensorProto.FLOAT or list(init.dims[:1]) != [batch]:
        return None
    value = numpy_helper.to_array(init)
    return value[:1] if (value == value[:1]).all() else None


def open_up(two: onnx.ModelProto, three: onnx.ModelProto) -> str:
    """Open the batch of `two` in place; returns the reason if it cannot be opened, else ""."""
    def wiring(graph: onnx.GraphProto) -> list[tuple]:
        return [(node.op_type, list(node.input), list(node.output)) for node in graph.node]

    if wiring(two.graph) != wiring(three.graph):
        return "the nodes of the graph depend on the batch"
    others = {init.name: init for init in three.graph.initializer}
    readers: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
    for node in two.graph.node:
        for index, name in enumerate(node.input):
            readers.setdefault(name, []).append((node, index))
    for init in list(two.graph.initializer):
        other = others.get(init.name)
        if other is None or list(other.dims) != list(init.dims):
            return f"the constant {init.name!r} has a row for each input"
        if init.SerializeToString() == other.SerializeToString():
            continue
        pair = [numpy_helper.to_array(each).tolist() for each in (init, other)]
        read_by = {(node.op_type, index) for node, index in readers.get(init.name, ())}
        if read_by == {("Reshape", 1)}:
            shape = _open_shape(*pair)
            if shape is None:
                return f"a Reshape to {pair[0]}"
            init.CopyFrom(numpy_helper.from_array(np.array(shape, np.int64), init.name))
        elif read_by == {("Resize", 3)} and all(
                _resizes_by_scales(two, node, *pair) for node, _ in readers[init.name]):
            continue
        else:
            return f"the constant {init.name!r} depends on the batch"
    for value, other in zip((*two.graph.input, *two.graph.output),
                            (*three.graph.input, *three.graph.output)):
        set_sizes(value, [("batch" if n == 2 and m == 3 else "open") if n != m else n or "open"
                          for n, m in zip(sizes(value), sizes(other))])
    return ""


def _open_shape(two: list[int], three: list[int]) -> list[int] | None:
    """The target shape for any batch, from those for 2 and 3, or None."""
    changed = [axis for axis, (n, m) in enumerate(zip(two, three)) if n != m]
    if len(changed) != 1 or 3 * two[changed[0]] != 2 * three[changed[0]] or -1 in two:
        return None
    return [-1 if axis in changed else n for axis, n in enumerate(two)]


def _resizes_by_scales(model: onnx.ModelProto, node: onnx.NodeProto, two: list[int],
                       three: list[int]) -> bool:
    """Replace the sizes of a Resize, the batch first, by scales; returns whether it is possible."""
    shape = _shapes(model).get(node.input[0])
    if not shape or None in shape or two[1:] != three[1:] or (two[0], three[0]) != (2, 3):
        return False
    scales = np.array([1.0, *(n / (m or 1) for n, m in zip(two[1:], shape[1:]))], np.float32)
    lengths = np.array(shape[1:], np.float32)
    if np.floor(lengths * scales[1:]).tolist() != two[1:]:  # as runtimes compute the sizes
        return False
    name = f"{node.output[0]}_factors"
    model.graph.initializer.append(numpy_helper.from_array(scales, name))
    node.input[2] = name
    del node.input[3:]
    return True


def disagreement(opened: onnx.ModelProto, one: onnx.ModelProto, shapes: dict[str, list[int]]
                 ) -> str:
    """How the outputs of two inputs differ computed together and alone; "" if they agree."""
    from export.network.onnx_samples import samples, session

    try:
        pair = [samples(one, shapes, seed) for seed in (1, 2)]
        together = session(opened).run(None, {name: np.concatenate([each[name] for each in pair])
                                              for name in shapes})
        alone = [session(one).run(None, each) for each in pair]
    except Exception:  # ONNX Runtime's message is about a graph the user never saw
        return "two inputs at once do not run"
    for value, first, second, both in zip(opened.graph.output, *alone, together):
        if sizes(value)[:1] != [None]:
            return f"the output {value.name!r} has no batch"
        expected = np.concatenate([first, second])
        scale = max(1e-30, float(np.abs(expected.astype(np.float64)).max(initial=0)))
        if both.shape != expected.shape or not np.allclose(
                both, expected, rtol=0, atol=_TOLERANCE * scale, equal_nan=True):
            return "the inputs of a batch affect each other"
    return ""


