"""Operations on shapes: reshape, transpose, concatenate, split, pad; and constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from onnx import numpy_helper

from export.converter.node import Inputs, Node, converts
from export.converter.operations.reductions import axes_of
from export.converter.value import Shape, Value, identity, reshape, shared_order

#: Stands for an open batch in products of sizes: a prime that no network has as a factor.
_BATCH = 1_000_003


def _grouped(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The axes of two shapes in the smallest groups with equal numbers of elements."""
    groups, i, j = [], 0, 0
    while i < len(before) or j < len(after):
        here, there = [], []
        if i < len(before):
            here, i = [i], i + 1
        if j < len(after):
            there, j = [j], j + 1
        left, right = (int(np.prod([shape[a] for a in axes]))
                       for shape, axes in ((before, here), (after, there)))
        while left != right or not (here and there):
            if left <= right and i < len(before):
                here.append(i)
                left, i = left * before[i], i + 1
            elif j < len(after):
                there.append(j)
                right, j = right * after[j], j + 1
            elif i < len(before):
                here.append(i)
                left, i = left * before[i], i + 1
            else:
                break
        groups.append((here, there))
    return groups


def reshaped(x: Value, shape: Shape) -> Value:
    """`x` in another shape, in its stored order if axes are only split or joined with stored
    neighbors."""
    before = [_BATCH if size is None else size for size in x.shape]
    after = [_BATCH if size is None else size for size in shape]
    if 0 not in before and x.constant is None and int(np.prod(before)) == int(np.prod(after)):
        long = [axis for axis in x.order if before[axis] != 1]
        groups = _grouped(before, after)
        # Sorted by the position of their first axis; axes of size 1 fit anywhere.
        placed = sorted(groups, key=lambda group: min(
            [long.index(axis) for axis in group[0] if axis in long], default=-1))
        if [axis for here, _ in placed for axis in here if axis in long] == long:
            order = [axis for _, there in placed for axis in there]
            return Value(reshape(x.as_stored(), [shape[axis] for axis in order]), order)
    return Value(reshape(x.flat(), shape))


@converts("Reshape", 5, 13, 14, 19, 21, 23, 24, 25, constant=(1,))
def reshape_to(node: Node, inputs: Inputs) -> Value:
    x, target = inputs[0], inputs[1].array.reshape(-1).tolist()
    copies = not node.get("allowzero", 0)
    shape: Shape = [x.shape[index] if size == 0 and copies else size
                    for index, size in enumerate(target)]
    if -1 in shape:
        total, known = (int(np.prod([n for n in sizes if n not in (None, -1)], dtype=np.int64))
                        for sizes in (x.shape, shape))
        is_open = None in x.shape and None not in shape  # the batch, or a multiple of it
        shape[shape.index(-1)] = None if is_open else total // known if known else 0
    elif None in x.shape and None not in shape:
        raise node.unsupported(f"a shape of {shape} for an open batch")
    if shape.count(None) > 1:
        raise node.unsupported("more than one open size")
    return reshaped(x, shape)


@converts("Flatten", 1, 9, 11, 13, 21, 23, 24, 25)
def flatten(node: Node, inputs: Inputs) -> Value:
    (x,) = inputs
    axis = node.get("axis", 1)
    axis = axis + x.rank if axis < 0 else axis
    sides = [None if None in part else int(np.prod(part, dtype=np.int64))
             for part in (x.shape[:axis], x.shape[axis:])]
    return reshaped(x, sides)


@converts("Squeeze", 1, 11, 13, 21, 23, 24, 25, constant=(1,))
def squeeze(node: Node, inputs: Inputs) -> Value:
    x, axes = inputs[0], axes_of(node, inputs)
    if axes is None:
        axes = [axis for axis, size in enumerate(x.shape) if size == 1]
    dropped = {axis % x.rank for axis in axes}
    left = [axis for axis in x.order if axis not in dropped]
    return Value(reshape(x.as_stored(), [x.shape[axis] for axis in left]),
                 [sorted(left).index(axis) for axis in left])


@converts("Unsqueeze", 1, 11, 13, 21, 23, 24, 25, constant=(1,))
def unsqueeze(node: Node, inputs: Inputs) -> Value:
    x, axes = inputs[0], axes_of(node, inputs) or []
    rank = x.rank + len(axes)
    new = sorted(axis % rank for axis in axes)
    old = [axis for axis in range(rank) if axis not in new]
    order = [*new, *(old[axis] for axis in x.order)]
    sizes = [*[1] * len(new), *(x.shape[axis] for axis in x.order)]
    if x.order == identity(x.rank):  # stay in ONNX order
        order, sizes = list(range(rank)), [1 if axis in new else x.shape[old.index(axis)]
                                           for axis in range(rank)]
    return Value(reshape(x.as_stored(), sizes), order)


@converts("Transpose", 1, 13, 21, 23, 24, 25)
def transpose(node: Node, inputs: Inputs) -> Value:
    """A new axis order; no elements move."""
    (x,) = inputs
    permutation = list(node.get("perm") or range(x.rank)[::-1])
    if x.constant is not None:
        return Value(x.array.transpose(permutation))
    return Value(x.as_stored(), [permutation.index(axis) for axis in x.order])


@converts("Concat", 4, 11, 13)
def concat(node: Node, inputs: Inputs) -> Value:
    inputs = [x for x in inputs if 0 not in x.shape] or inputs[:1]
    if len(inputs) == 1:
        return inputs[0]
    order = shared_order(inputs)
    return Value(tf.concat([x.in_order(order) for x in inputs],
                           order.index(node.get("axis") % len(order))), order)


@converts("Split", 2, 11, 13, 18, constant=(1,))
def split(node: Node, inputs: Inputs) -> list[Value]:
    x = inputs[0]
    axis = node.get("axis", 0) % x.rank
    size, count = x.shape[axis], node.get("num_outputs") or len(node.output)
    if len(inputs) > 1 and inputs[1] is not None:
        sizes = inputs[1].array.tolist()
    elif node.get("split"):
        sizes = list(node.get("split"))
    else:
        each = -(-size // count)
        sizes = [each] * (count - 1) + [size - each * (count - 1)]
    # With more than four axes all readers need ONNX order: transpose once, before the split.
    order = identity(x.rank) if x.rank > 4 else x.order
    even = sizes if len(set(sizes)) > 1 else len(sizes)
    return [Value(part, order) for part in tf.split(x.in_order(order), even, order.index(axis))]


@converts("Tile", 6, 13, constant=(1,))
def tile(node: Node, inputs: Inputs) -> Value:
    x, repeats = inputs[0], inputs[1].array.tolist()
    if set(repeats) == {1}:
        return x
    return Value(tf.tile(x.as_stored(), [repeats[axis] for axis in x.order]), x.order)


@converts("Expand", 8, 13, constant=(1,))
def expand(node: Node, inputs: Inputs) -> Value:
    x, target = inputs[0], inputs[1].array.tolist()
    rank = max(x.rank, len(target))
    own: Shape = [*[1] * (rank - x.rank), *x.shape]
    target = [*[1] * (rank - len(target)), *target]
    x = reshaped(x, own) if x.rank < rank else x
    repeats = [n if size == 1 else 1 for size, n in zip(own, target)]
    if set(repeats) <= {1}:
        return x
    return Value(tf.tile(x.as_stored(), [repeats[axis] for axis in x.order]), x.order)


_MODES = {"constant": "CONSTANT", "reflect": "REFLECT", "edge": "EDGE", "wrap": "WRAP"}


@converts("Pad", 2, 11, 13, 18, 19, 21, 23, 24, 25, constant=(1, 2, 3))
def pad(node: Node, inputs: Inputs) -> Value:
    x, amounts, fill, axes = [*inputs, None, None, None][:4]
    pads = node.get("pads") if amounts is None else amounts.array.reshape(-1).tolist()
    value = node.get("value", 0.0) if fill is None else fill.array.reshape(()).item()
    where = range(x.rank) if axes is None else [int(a) % x.rank for a in axes.constant]
    sides = [(0, 0)] * x.rank
    for index, axis in enumerate(where):
        sides[axis] = (int(pads[index]), int(pads[index + len(where)]))
    mode = _MODES[node.get("mode", "constant")]
    if any(n < 0 for side in sides for n in side):
        x, sides = _crop(x, sides)
    if not np.any(sides):
        return x
    stored = [sides[axis] for axis in x.order]
    if mode == "CONSTANT":
        tensor = x.as_stored()
        return Value(tf.pad(tensor, stored, constant_values=tf.cast(value, tensor.dtype)), x.order)
    if mode == "REFLECT" and all(max(side) < (x.shape[axis] or 2) for axis, side in
                                 enumerate(sides)):
        return Value(tf.pad(x.as_stored(), stored, "REFLECT"), x.order)
    return _repeated(x, sides, mode)


def _crop(x: Value, sides: list[tuple[int, int]]) -> tuple[Value, list[tuple[int, int]]]:
    """`x` cropped by negative pads, and the remaining pads."""
    kept = [slice(-min(0, before) or None, min(0, after) or None) for before, after in sides]
    tensor = x.as_stored()[tuple(kept[axis] for axis in x.order)]
    return Value(tensor, x.order), [(max(0, before), max(0, after)) for before, after in sides]


def _repeated(x: Value, sides: list[tuple[int, int]], mode: str) -> Value:
    """Padding with rows and columns of `x`, gathered: no runtime repeats edges."""
    tensor = x.as_stored()
    for axis, side in enumerate(sides):
        if any(side):
            rows = np.arange(x.length(axis), dtype=np.int32)
            rows = np.pad(rows, side, mode.lower())  # pyright: ignore  (numpy's own names)
            tensor = tf.gather(tensor, rows, axis=x.order.index(axis))
    return Value(tensor, x.order)


@converts("Constant", 1, 9, 11, 12, 13, 19, 21, 23, 24, 25)
def constant(node: Node, inputs: Inputs) -> Value:
    for name, kind in (("value_float", np.float32), ("value_floats", np.float32),
                       ("value_int", np.int64), ("value_ints", np.int64)):
        if name in node.attributes:
            return Value(np.array(node.attributes[name], kind))
    if "value" not in node.attributes:
        raise node.unsupported("text, or a sparse tensor")
    return Value(numpy_helper.to_array(node.attributes["value"]))


@converts("ConstantOfShape", 9, 20, 21, 23, 24, 25, constant=(0,))
def constant_of_shape(node: Node, inputs: Inputs) -> Value:
    value = node.get("value")
    fill = np.zeros(1, np.float32) if value is None else numpy_helper.to_array(value)
    return Value(np.full(inputs[0].array.tolist(), fill.reshape(())))


@converts("Range", 11, 27, constant=(0, 1, 2))
def span(node: Node, inputs: Inputs) -> Value:
    first, limit, step = (x.array.reshape(()) for x in inputs)
    return Value(np.arange(first, limit, step, dtype=first.dtype))


@converts("Shape", 1, 13, 15, 19, 21, 23, 24, 25)
def shape_of(node: Node, inputs: Inputs) -> Value:
    (x,) = inputs
    sizes = x.shape[node.get("start", 0):node.get("end", x.rank)]
    if None in sizes:
        raise node.unsupported("the shape of an open batch")
    return Value(np.array(sizes, np.int64))


@converts("Size", 1, 13, 19, 21, 23, 24, 25)
def size_of(node: Node, inputs: Inputs) -> Value:
    if None in inputs[0].shape:
        raise node.unsupported("the size of an open batch")
    return Value(np.array(inputs[0].size, np.int64))
