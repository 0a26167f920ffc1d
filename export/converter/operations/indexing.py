"""Indexing: slices, gathers, scatters, masks."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from export.converter.node import Inputs, Node, converts
from export.converter.operations.elementwise import TYPES
from export.converter.value import Value, as_narrow, elementwise, identity

#: Ends from here on mean "to the end": JAX writes a billion, PyTorch the 64-bit maximum.
_TO_THE_END = 10**9


@converts("Slice", 1, 10, 11, 13, constant=(1, 2, 3, 4))
def cut(node: Node, inputs: Inputs) -> Value:
    x = inputs[0]
    if node.version < 10:
        starts, ends, axes, steps = node.get("starts"), node.get("ends"), node.get("axes"), None
    else:
        settings = [v.array.reshape(-1).tolist() if v is not None else None for v in inputs[1:]]
        starts, ends, axes, steps = [*settings, None, None][:4]
    axes = range(x.rank) if axes is None else [axis % x.rank for axis in axes]
    parts = [slice(None)] * x.rank
    for index, axis in enumerate(axes):
        step, size = (steps[index] if steps else 1), x.shape[axis]
        part = slice(starts[index], ends[index], step)
        if size is None:
            if starts[index] or step != 1 or ends[index] < _TO_THE_END:
                raise node.unsupported("a part of an open batch")
            continue
        first, last, step = part.indices(size)
        # A backward slice to the start ends with None in Python.
        parts[axis] = slice(first, None if last < 0 else last, step)
    parts = [slice(None) if part == slice(0, size, 1) else part
             for part, size in zip(parts, x.shape)]
    if all(part == slice(None) for part in parts):
        return x
    tensor = x.as_stored()
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
        return _row(x, axis, int(indices.array))
    positions = indices.logical() if indices.nonnegative else _indices(indices, x.shape[axis])
    rows = tf.gather(x.in_order(order), positions, axis=order.index(axis))

    # The axes of the indices replace the axis.
    def renumbered(a: int) -> list[int]:
        if a == axis:
            return list(range(axis, axis + indices.rank))
        return [a if a < axis else a + indices.rank - 1]

    return Value(rows, [new for a in order for new in renumbered(a)])


def _indices(indices: Value, size: int | None) -> tf.Tensor:
    """Indices with negative ones, which count from the end, made nonnegative."""
    if indices.constant is None:
        tensor = indices.logical()
        return tf.where(tensor < 0, tensor + (size or 0), tensor)
    array = as_narrow(indices.array)
    return tf.constant(np.where(array < 0, array + (size or 0), array).astype(np.int32))


def _row(x: Value, axis: int, index: int) -> Value:
    """A single row, as a slice, which copies no other elements."""
    order = identity(x.rank) if x.rank > 4 else x.order
    parts: list = [slice(None)] * x.rank
    parts[order.index(axis)] = index
    left = [a for a in order if a != axis]
    return Value(x.in_order(order)[tuple(parts)], [sorted(left).index(a) for a in left])


@converts("GatherElements", 11, 13)
def gather_elements(node: Node, inputs: Inputs) -> Value:
    x, indices = inputs
    axis = node.get("axis", 0) % x.rank
    if None in indices.shape:
        raise node.unsupported("an open batch")
    return Value(tf.gather_nd(x.logical(), _full_indices(indices, axis, x.shape[axis])))


def _full_indices(indices: Value, axis: int, size: int | None) -> tf.Tensor:
    """The full index of each element, (..., rank), with `indices` along `axis`."""
    grid = np.indices(indices.shape).astype(np.int32)
    columns = [tf.constant(part) for part in grid]
    columns[axis] = _indices(indices, size)
    return tf.stack(columns, -1)


@converts("GatherND", 11, 12, 13)
def gather_nd(node: Node, inputs: Inputs) -> Value:
    x, indices = inputs
    shared = node.get("batch_dims", 0)
    if not shared:
        return Value(tf.gather_nd(x.logical(), _without_negatives(indices, x)))
    if None in indices.shape:
        raise node.unsupported("an open batch")
    grid = np.indices(indices.shape[:-1]).astype(np.int32)[:shared]
    positions = tf.concat([*(tf.constant(part[..., None]) for part in grid), indices.logical()], -1)
    return Value(tf.gather_nd(x.logical(), positions))


def _without_negatives(indices: Value, x: Value) -> tf.Tensor:
    sizes = np.array([size or 0 for size in x.shape[:indices.shape[-1]]], np.int32)
    if indices.constant is not None:
        array = as_narrow(indices.array)
        return tf.constant(np.where(array < 0, array + sizes, array).astype(np.int32))
    tensor = indices.logical()
    return tf.where(tensor < 0, tensor + sizes, tensor)


@converts("ScatterND", 11, 13, 16, 18)
def scatter_nd(node: Node, inputs: Inputs) -> Value:
    x, indices, updates = inputs
    reduction = node.get("reduction", "none")
    if reduction not in ("none", "add"):
        raise node.unsupported(f"reduction {reduction}")
    positions = _without_negatives(indices, x)
    return Value(_scattered(x.logical(), positions, updates.logical(), reduction))


@converts("ScatterElements", 11, 13, 16, 18)
def scatter_elements(node: Node, inputs: Inputs) -> Value:
    x, indices, updates = inputs
    reduction = node.get("reduction", "none")
    if reduction not in ("none", "add"):
        raise node.unsupported(f"reduction {reduction}")
    if None in indices.shape:
        raise node.unsupported("an open batch")
    axis = node.get("axis", 0) % x.rank
    positions = _full_indices(indices, axis, x.shape[axis])
    return Value(_scattered(x.logical(), positions, updates.logical(), reduction))


converts("Scatter", 9)(scatter_elements)


def _scattered(x: tf.Tensor, positions: tf.Tensor, updates: tf.Tensor, reduction: str) -> tf.Tensor:
    if reduction == "add":  # TF.js has no in-place addition
        return x + tf.scatter_nd(positions, updates, x.shape)
    return tf.tensor_scatter_nd_update(x, positions, updates)


@converts("OneHot", 9, 11, 28, constant=(1,))
def one_hot(node: Node, inputs: Inputs) -> Value:
    indices, depth, values = inputs
    count = int(depth.array.reshape(()))
    tensor = tf.cast(indices.logical(), tf.int32)
    tensor = tf.where(tensor < 0, tensor + count, tensor)
    axis = node.get("axis", -1) % (indices.rank + 1)
    last = indices.rank
    order = [*(a for a in range(last + 1) if a != axis), axis]
    off, on = (values.logical()[index] for index in (0, 1))
    hot = tf.one_hot(tensor, count, axis=-1)
    return Value(tf.where(hot > 0, on, off), order)


@converts("Trilu", 14, constant=(1,))
def trilu(node: Node, inputs: Inputs) -> Value:
    """The upper or lower triangle, selected by a mask (an infinity times 0 is not 0)."""
    x = inputs[0]
    k = int(inputs[1].array.reshape(())) if len(inputs) > 1 and inputs[1] is not None else 0
    rows, columns = x.shape[-2:]
    if rows is None or columns is None:
        raise node.unsupported("an open size")
    mask = np.ones((rows, columns), bool)
    mask = np.triu(mask, k) if node.get("upper", 1) else np.tril(mask, k)
    return elementwise(lambda kept, t: tf.where(kept, t, tf.zeros([], t.dtype)), [Value(mask), x])


@converts("EyeLike", 9, 22)
def eye_like(node: Node, inputs: Inputs) -> Value:
    (x,) = inputs
    if None in x.shape:
        raise node.unsupported("an open size")
    kind = TYPES.get(node.get("dtype"), x.dtype)
    return Value(np.eye(*x.shape, k=node.get("k", 0)).astype(kind))


@converts("ReverseSequence", 10, 28, constant=(1,))
def reverse_sequence(node: Node, inputs: Inputs) -> Value:
    """Reversal with constant lengths, as a gather from the end of each row."""
    x, lengths = inputs
    time, batch = node.get("time_axis", 0) % x.rank, node.get("batch_axis", 1) % x.rank
    order = (batch, time, *(a for a in range(x.rank) if a not in (batch, time)))
    rows = np.arange(x.shape[time], dtype=np.int32)
    positions = np.array([[row, n - 1 - t if t < n else t] for row, n
                       in enumerate(lengths.array.tolist()) for t in rows], np.int32)
    positions = positions.reshape(len(lengths.array), len(rows), 2)
    return Value(tf.gather_nd(x.in_order(order), tf.constant(positions)), order)
