"""Reductions, softmax, cumulative sums and sorting along axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from export.converter.node import Inputs, Node, converts
from export.converter.value import Value, elementwise, identity

Reduction = Callable[..., tf.Tensor]


def axes_of(node: Node, inputs: Inputs, index: int = 1) -> list[int] | None:
    """The axes of a node, from an attribute or, since opset 13 or 18, an input."""
    if "axes" in node.attributes:
        return list(node.get("axes"))
    if len(inputs) > index and inputs[index] is not None:
        return inputs[index].array.reshape(-1).tolist()
    return None


def over_axes(function: Reduction, x: Value, axes: Sequence[int], keep: bool) -> Value:
    """`function` along ONNX axes, in the stored order."""
    reduced = {axis % x.rank for axis in axes}
    y = function(x.as_stored(), sorted(x.order.index(axis) for axis in reduced), keepdims=keep)
    if keep:
        return Value(y, x.order)
    left = [axis for axis in x.order if axis not in reduced]
    return Value(y, [sorted(left).index(axis) for axis in left])


def _reduction(op_type: str, function: Reduction, *versions: int) -> None:
    def convert(node: Node, inputs: Inputs) -> Value:
        x, axes = inputs[0], axes_of(node, inputs)
        if not axes and node.get("noop_with_empty_axes", 0):
            # No reduction, only the elementwise part of the function.
            return elementwise(lambda t: function(t[None], [0], keepdims=False), [x])
        return over_axes(function, x, axes or range(x.rank), bool(node.get("keepdims", 1)))

    converts(op_type, *versions, constant=(1,))(convert)


def _l1(x: tf.Tensor, axes: list[int], keepdims: bool) -> tf.Tensor:
    return tf.reduce_sum(tf.abs(x), axes, keepdims)


def _l2(x: tf.Tensor, axes: list[int], keepdims: bool) -> tf.Tensor:
    return tf.sqrt(_sum_square(tf.cast(x, tf.float32), axes, keepdims))


def _sum_square(x: tf.Tensor, axes: list[int], keepdims: bool) -> tf.Tensor:
    return tf.reduce_sum(tf.square(x), axes, keepdims)


def _log_sum(x: tf.Tensor, axes: list[int], keepdims: bool) -> tf.Tensor:
    return tf.math.log(tf.reduce_sum(x, axes, keepdims))


def _log_sum_exp(x: tf.Tensor, axes: list[int], keepdims: bool) -> tf.Tensor:
    largest = tf.reduce_max(x, axes, keepdims=True)
    total = tf.math.log(tf.reduce_sum(tf.exp(x - largest), axes, keepdims=True)) + largest
    return total if keepdims else tf.squeeze(total, axes)


def _largest(x: tf.Tensor, axes: list[int], keepdims: bool) -> tf.Tensor:
    return (tf.reduce_any if x.dtype == tf.bool else tf.reduce_max)(x, axes, keepdims)


def _smallest(x: tf.Tensor, axes: list[int], keepdims: bool) -> tf.Tensor:
    return (tf.reduce_all if x.dtype == tf.bool else tf.reduce_min)(x, axes, keepdims)


for _name, _function, _versions in (
    ("ReduceSum", tf.reduce_sum, (1, 11, 13)), ("ReduceMean", tf.reduce_mean, (1, 11, 13, 18)),
    ("ReduceMax", _largest, (1, 11, 12, 13, 18, 20)),
    ("ReduceMin", _smallest, (1, 11, 12, 13, 18, 20)),
    ("ReduceProd", tf.reduce_prod, (1, 11, 13, 18)), ("ReduceL1", _l1, (1, 11, 13, 18)),
    ("ReduceL2", _l2, (1, 11, 13, 18)), ("ReduceSumSquare", _sum_square, (1, 11, 13, 18)),
    ("ReduceLogSum", _log_sum, (1, 11, 13, 18, 28)),
    ("ReduceLogSumExp", _log_sum_exp, (1, 11, 13, 18, 28)),
):
    _reduction(_name, _function, *_versions)


def _arg(op_type: str, function: Callable[..., tf.Tensor]) -> None:
    def convert(node: Node, inputs: Inputs) -> Value:
        (x,) = inputs
        axis = node.get("axis", 0) % x.rank
        last = bool(node.get("select_last_index", 0))

        def indices(tensor: tf.Tensor, axes: list[int], keepdims: bool) -> tf.Tensor:
            (position,) = axes
            if last:  # the first from the end
                tensor = tf.reverse(tensor, [position])
            index = function(tensor, position, output_type=tf.int32)
            index = x.length(axis) - 1 - index if last else index
            return tf.expand_dims(index, position) if keepdims else index

        result = over_axes(indices, x, [axis], bool(node.get("keepdims", 1)))
        result.nonnegative = True
        return result

    converts(op_type, 1, 11, 12, 13)(convert)


_arg("ArgMax", tf.argmax)
_arg("ArgMin", tf.argmin)


@converts("CumSum", 11, 14, constant=(1,))
def cum_sum(node: Node, inputs: Inputs) -> Value:
    x, axis = inputs
    return Value(tf.cumsum(x.as_stored(), x.position(int(axis.array.reshape(()))),
                           bool(node.get("exclusive", 0)), bool(node.get("reverse", 0))), x.order)


@converts("CumProd", 26, constant=(1,))
def cum_prod(node: Node, inputs: Inputs) -> Value:
    x, axis = inputs
    return Value(tf.math.cumprod(x.as_stored(), x.position(int(axis.array.reshape(()))),
                                 bool(node.get("exclusive", 0)), bool(node.get("reverse", 0))),
                 x.order)


@converts("TopK", 1, 10, 11, 24, constant=(1,))
def top_k(node: Node, inputs: Inputs) -> list[Value]:
    """The largest or smallest values along an axis, moved last for TensorFlow; the smallest are
    the largest of -x."""
    x = inputs[0]
    count = int(inputs[1].array.reshape(())) if len(inputs) > 1 else node.get("k")
    axis = node.get("axis", -1) % x.rank
    order = (*(a for a in x.order if a != axis), axis)
    tensor, largest = x.in_order(order), node.get("largest", 1)
    values, indices = tf.math.top_k(tensor if largest else -tensor, count)
    return [Value(values if largest else -values, order), Value(indices, order)]


def softmax_axes(node: Node, x: Value) -> tuple[int, bool]:
    """The axis, and whether the softmax is over all axes from it on, as before opset 13."""
    flattens = node.version < 13
    return node.get("axis", 1 if flattens else -1) % max(x.rank, 1), flattens


def _softmax(op_type: str, function: Callable[[tf.Tensor], tf.Tensor]) -> None:
    def convert(node: Node, inputs: Inputs) -> Value:
        (x,) = inputs
        axis, flattens = softmax_axes(node, x)
        if flattens and any(size != 1 for size in x.shape[axis + 1:]):
            rest = x.shape[axis:]
            if None in rest:
                raise node.unsupported("a softmax over an open batch")
            flat = tf.reshape(x.flat(), [-1, int(np.prod(rest))])
            shape = [-1 if size is None else size for size in x.shape]
            return Value(tf.reshape(function(flat), shape), identity(x.rank))
        order = (*(a for a in x.order if a != axis), axis)
        return Value(function(x.in_order(order)), order)

    converts(op_type, 1, 11, 13)(convert)


def _hardmax(x: tf.Tensor) -> tf.Tensor:
    return tf.one_hot(tf.argmax(x, -1, output_type=tf.int32), x.shape[-1])


_softmax("Softmax", tf.nn.softmax)
_softmax("LogSoftmax", tf.nn.log_softmax)
_softmax("Hardmax", _hardmax)
