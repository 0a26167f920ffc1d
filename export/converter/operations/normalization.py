"""Normalizations, by stored statistics or by those of the input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from export.converter.node import Inputs, Node, converts
from export.converter.operations.reductions import over_axes
from export.converter.operations.shape import reshaped
from export.converter.value import Value, elementwise


def _per_channel(x: Value, vector: Value) -> Value:
    """A vector (C,) as (1, C, 1, ...) with the rank of `x`."""
    shape = [1] * x.rank
    shape[1] = vector.shape[0] or 1
    if vector.constant is not None:
        return Value(vector.array.reshape(shape))
    return reshaped(vector, shape)


@converts("BatchNormalization", 7, 9, 14, 15)
def batch_normalization(node: Node, inputs: Inputs) -> Value:
    """In eval mode a scale and a shift per channel, computed in float64."""
    x, *vectors = inputs
    if node.get("training_mode", 0):
        raise node.unsupported("training mode; export the network in eval mode")
    if node.get("spatial", 1) != 1:
        raise node.unsupported("statistics per pixel")
    epsilon = node.get("epsilon", 1e-5)
    if all(vector.constant is not None for vector in vectors):
        gamma, beta, mean, variance = (v.array.astype(np.float64) for v in vectors)
        factor = gamma / np.sqrt(variance + epsilon)
        scale, shift = (Value(v.astype(np.float32)) for v in (factor, beta - mean * factor))
    else:
        gamma, beta, mean, variance = vectors
        scale = elementwise(lambda g, v: g * tf.math.rsqrt(v + epsilon), [gamma, variance])
        shift = elementwise(lambda b, m, s: b - m * s, [beta, mean, scale])
    scaled = elementwise(tf.multiply, [x, _per_channel(x, scale)])
    return elementwise(tf.add, [scaled, _per_channel(x, shift)])


def _standardized(x: Value, axes: Sequence[int], epsilon: float) -> tuple[Value, Value, Value]:
    """`x` with mean 0 and variance 1 along `axes`, its mean, and 1 / its standard deviation."""
    mean = over_axes(tf.reduce_mean, x, axes, keep=True)
    centered = elementwise(tf.subtract, [x, mean])
    squares = elementwise(tf.square, [centered])
    variance = over_axes(tf.reduce_mean, squares, axes, keep=True)
    inverse = elementwise(lambda v: tf.math.rsqrt(v + epsilon), [variance])
    return elementwise(tf.multiply, [centered, inverse]), mean, inverse


def _affine(x: Value, scale: Value | None, shift: Value | None) -> Value:
    x = x if scale is None else elementwise(tf.multiply, [x, scale])
    return x if shift is None else elementwise(tf.add, [x, shift])


@converts("LayerNormalization", 17)
def layer_normalization(node: Node, inputs: Inputs) -> list[Value]:
    x, scale, shift = [*inputs, None][:3]
    axes = range(node.get("axis", -1) % x.rank, x.rank)
    y, mean, inverse = _standardized(x, axes, node.get("epsilon", 1e-5))
    return [_affine(y, scale, shift), mean, inverse][:len(node.output)]


@converts("RMSNormalization", 23)
def rms_normalization(node: Node, inputs: Inputs) -> Value:
    x, scale = inputs
    epsilon = node.get("epsilon", 1e-5)
    axes = range(node.get("axis", -1) % x.rank, x.rank)
    squares = over_axes(tf.reduce_mean, elementwise(tf.square, [x]), axes, keep=True)
    inverse = elementwise(lambda v: tf.math.rsqrt(v + epsilon), [squares])
    return _affine(elementwise(tf.multiply, [x, inverse]), scale, None)


@converts("InstanceNormalization", 1, 6, 22)
def instance_normalization(node: Node, inputs: Inputs) -> Value:
    x, scale, shift = inputs
    y, _, _ = _standardized(x, range(2, x.rank), node.get("epsilon", 1e-5))
    return _affine(y, _per_channel(x, scale), _per_channel(x, shift))


@converts("GroupNormalization", 18, 21)
def group_normalization(node: Node, inputs: Inputs) -> Value:
    """Normalization over groups of channels, split into a separate axis."""
    x, scale, shift = inputs
    groups = node.get("num_groups")
    if node.version < 21:  # one scale per group, since then per channel
        each = x.shape[1] // groups
        scale, shift = (Value(np.repeat(v.constant, each)) if v.constant is not None
                        else Value(tf.repeat(v.logical(), each)) for v in (scale, shift))
    split = reshaped(x, [x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]])
    y, _, _ = _standardized(split, range(2, split.rank), node.get("epsilon", 1e-5))
    return _affine(reshaped(y, x.shape), _per_channel(x, scale), _per_channel(x, shift))


@converts("MeanVarianceNormalization", 9, 13)
def mean_variance_normalization(node: Node, inputs: Inputs) -> Value:
    (x,) = inputs
    axes = list(node.get("axes") or (0, 2, 3))
    mean = over_axes(tf.reduce_mean, x, axes, keep=True)
    centered = elementwise(tf.subtract, [x, mean])
    variance = over_axes(tf.reduce_mean, elementwise(tf.square, [centered]), axes, keep=True)
    return elementwise(lambda c, v: c / (tf.sqrt(v) + 1e-9), [centered, variance])


@converts("LpNormalization", 1, 22)
def lp_normalization(node: Node, inputs: Inputs) -> Value:
    (x,) = inputs
    first = node.get("p", 2) == 1
    sizes = elementwise(tf.abs if first else tf.square, [x])
    total = over_axes(tf.reduce_sum, sizes, [node.get("axis", -1)], keep=True)
    return elementwise(lambda t, n: tf.math.divide_no_nan(t, n if first else tf.sqrt(n)),
                       [x, total])


@converts("LRN", 1, 13)
def local_response(node: Node, inputs: Inputs) -> Value:
    """TensorFlow's LRN, which has odd windows only and a sum where ONNX has an average."""
    (x,) = inputs
    size = node.get("size")
    if size % 2 == 0 or x.rank != 4:
        raise node.unsupported("an even window, or an input that is not an image")
    y = tf.nn.local_response_normalization(
        x.in_order((0, 2, 3, 1)), size // 2, node.get("bias", 1.0),
        node.get("alpha", 1e-4) / size, node.get("beta", 0.75))
    return Value(y, (0, 2, 3, 1))
