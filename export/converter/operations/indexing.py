"""Elements by their place: slices, look-ups, masks."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from export.converter.node import Inputs, Node, converts
from export.converter.operations.elementwise import TYPES
from export.converter.value import Value, as_narrow, elementwise, identity

#: How people write it: JAX with a billion, PyTorch with the largest of 64 bits.
_TO_THE_END = 10**9


@converts("Slice", 1, 10, 11, 13, constant=(1, 2, 3, 4))
def cut(node: Node, inputs: Inputs) -> Value:
    x = inputs[0]
    if node.version < 10:
        starts, ends, axes, steps = node.get("starts"), node.get("ends"), node.get("axes"), None
    else:
        given = [v.array.reshape(-1).tolist() if v is not None else None for v in inputs[1:]]
        starts, ends, axes, steps = [*given, None, None][:4]
    axes = range(x.rank) if axes is None else [axis % x.rank for axis in axes]
    parts = [slice(None)] * x.rank
    for place, axis in enumerate(axes):
        step, size = (steps[place] if steps else 1), x.shape[axis]
        part = slice(starts[place], ends[place], step)
        if size is None:
            if starts[place] or step != 1 or ends[place] < _TO_THE_END:
                raise node.refuse("a part of the batch, which is open")
            continue
        first, last, step = part.indices(size)
        # To the end, backwards, is no number in Python.
        parts[axis] = slice(first, None if last < 0 else last, step)
    parts = [slice(None) if part == slice(0, size, 1) else part
             for part, size in zip(parts, x.shape)]
    if all(part == slice(None) for part in parts):
        return x
    tensor = x.as_it_lies()
    backwards = [x.order.index(axis) for axis, part in enumerate(parts) if (part.step or 1) < 0]
    if not backwards:
        return Value(tensor[tuple(parts[axis] for axis in x.order)], x.order)
    for axis, part in enumerate(parts):  # TF.js on WebGL and wasm steps forwards only
        if part != slice(None):
            rows = np.arange(x.shape[axis], dtype=np.int32)[part]
            tensor = tf.gather(tensor, rows, axis=x.order.index(axis))
    return Value(tensor, x.order)


@converts("Gather", 1, 11, 13)
def gather(node: Node, inputs: Inputs) -> Value:
    x, indices = inputs
    axis = node.get("axis", 0) % x.rank
    order = identity(x.rank) if x.rank > 4 and indices.rank != 0 else x.order
    if indices.constant is not None and indices.rank == 0:
        return _one(x, axis, int(indices.array))
    places = indices.logical() if indices.counts_up else _indices(indices, x.shape[axis])
    found = tf.gather(x.lying(order), places, axis=order.index(axis))
    # The axes of the indices stand where the axis was.
    def renumbered(a: int) -> list[int]:
        if a == axis:
            return list(range(axis, axis + indices.rank))
        return [a if a < axis else a + indices.rank - 1]

    return Value(found, [new for a in order for new in renumbered(a)])


def _indices(indices: Value, size: int | None) -> tf.Tensor:
    """Indices without negative ones, which count from the end."""
    if indices.constant is None:
        tensor = indices.logical()
        return tf.where(tensor < 0, tensor + (size or 0), tensor)
    array = as_narrow(indices.array)
    return tf.constant(np.where(array < 0, array + (size or 0), array).astype(np.int32))


def _one(x: Value, axis: int, index: int) -> Value:
    """A single row: a slice without the axis, which copies only what it takes."""
    order = identity(x.rank) if x.rank > 4 else x.order
    place = order.index(axis)
    parts: list = [slice(None)] * x.rank
    parts[place] = index
    left = [a for a in order if a != axis]
    return Value(x.lying(order)[tuple(parts)], [sorted(left).index(a) for a in left])


@converts("GatherElements", 11, 13)
def gather_elements(node: Node, inputs: Inputs) -> Value:
    x, indices = inputs
    axis = node.get("axis", 0) % x.rank
    if None in indices.shape:
        raise node.refuse("an open batch")
    return Value(tf.gather_nd(x.logical(), _places(indices, axis, x.shape[axis])))


def _places(indices: Value, axis: int, size: int | None) -> tf.Tensor:
    """(..., rank): the whole index of each element, of which `indices` are those along `axis`."""
    grid = np.indices(indices.shape).astype(np.int32)
    columns = [tf.constant(part) for part in grid]
    columns[axis] = _indices(indices, size)
    return tf.stack(columns, -1)


@converts("GatherND", 11, 12, 13)
def gather_nd(node: Node, inputs: Inputs) -> Value:
    x, indices = inputs
    shared = node.get("batch_dims", 0)
    if not shared:
        return Value(tf.gather_nd(x.logical(), _whole(indices, x)))
    if None in indices.shape:
        raise node.refuse("an open batch")
    grid = np.indices(indices.shape[:-1]).astype(np.int32)[:shared]
    places = tf.concat([*(tf.constant(part[..., None]) for part in grid), indices.logical()], -1)
    return Value(tf.gather_nd(x.logical(), places))


def _whole(indices: Value, x: Value) -> tf.Tensor:
    sizes = np.array([size or 0 for size in x.shape[:indices.shape[-1]]], np.int32)
    if indices.constant is not None:
        array = as_narrow(indices.array)
        return tf.constant(np.where(array < 0, array + sizes, array).astype(np.int32))
    tensor = indices.logical()
    return tf.where(tensor < 0, tensor + sizes, tensor)


@converts("ScatterND", 11, 13, 16, 18)
def scatter_nd(node: Node, inputs: Inputs) -> Value:
    x, indices, updates = inputs
    how = node.get("reduction", "none")
    if how not in ("none", "add"):
        raise node.refuse(f"reduction {how}")
    return Value(_scattered(x.logical(), _whole(indices, x), updates.logical(), how))


@converts("ScatterElements", 11, 13, 16, 18)
def scatter_elements(node: Node, inputs: Inputs) -> Value:
    x, indices, updates = inputs
    how = node.get("reduction", "none")
    if how not in ("none", "add"):
        raise node.refuse(f"reduction {how}")
    if None in indices.shape:
        raise node.refuse("an open batch")
    axis = node.get("axis", 0) % x.rank
    places = _places(indices, axis, x.shape[axis])
    return Value(_scattered(x.logical(), places, updates.logical(), how))


converts("Scatter", 9)(scatter_elements)


def _scattered(x: tf.Tensor, places: tf.Tensor, updates: tf.Tensor, how: str) -> tf.Tensor:
    if how == "add":  # TF.js has no addition in place
        return x + tf.scatter_nd(places, updates, x.shape)
    return tf.tensor_scatter_nd_update(x, places, updates)


@converts("OneHot", 9, 11, 28, constant=(1,))
def one_hot(node: Node, inputs: Inputs) -> Value:
    indices, depth, values = inputs
    count = int(depth.array.reshape(()))
    tensor = tf.cast(indices.logical(), tf.int32)
    tensor = tf.where(tensor < 0, tensor + count, tensor)
    axis = node.get("axis", -1) % (indices.rank + 1)
    last = indices.rank
    order = [*(a for a in range(last + 1) if a != axis), axis]
    off, on = (values.logical()[place] for place in (0, 1))
    hot = tf.one_hot(tensor, count, axis=-1)
    return Value(tf.where(hot > 0, on, off), order)


@converts("Trilu", 14, constant=(1,))
def trilu(node: Node, inputs: Inputs) -> Value:
    """The upper or lower triangle: times a mask, or zero where it is not (an infinity times 0 is
    no zero)."""
    x = inputs[0]
    k = int(inputs[1].array.reshape(())) if len(inputs) > 1 and inputs[1] is not None else 0
    rows, columns = x.shape[-2:]
    if rows is None or columns is None:
        raise node.refuse("an open size")
    mask = np.ones((rows, columns), bool)
    mask = np.triu(mask, k) if node.get("upper", 1) else np.tril(mask, k)
    return elementwise(lambda kept, t: tf.where(kept, t, tf.zeros([], t.dtype)), [Value(mask), x])


@converts("EyeLike", 9, 22)
def eye_like(node: Node, inputs: Inputs) -> Value:
    (x,) = inputs
    if None in x.shape:
        raise node.refuse("an open size")
    kind = TYPES.get(node.get("dtype"), x.dtype)
    return Value(np.eye(*x.shape, k=node.get("k", 0)).astype(kind))


@converts("ReverseSequence", 10, 28, constant=(1,))
def reverse_sequence(node: Node, inputs: Inputs) -> Value:
    """Of lengths that are known: each row looks its elements up from the end."""
    x, lengths = inputs
    time, batch = node.get("time_axis", 0) % x.rank, node.get("batch_axis", 1) % x.rank
    order = (batch, time, *(a for a in range(x.rank) if a not in (batch, time)))
    rows = np.arange(x.shape[time], dtype=np.int32)
    places = np.array([[row, n - 1 - t if t < n else t] for row, n
                       in enumerate(lengths.array.tolist()) for t in rows], np.int32)
    places = places.reshape(len(lengths.array), len(rows), 2)
    return Value(tf.gather_nd(x.lying(order), tf.constant(places)), order)
