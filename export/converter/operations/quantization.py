"""Quantization to integers and back.

Browser runtimes compute in float32 or int32, so quantized operations compute on the dequantized
values, with the same rounding.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from export.converter.node import Inputs, Node, converts
from export.converter.value import Value, elementwise

_RANGES = {np.dtype(kind): (np.iinfo(kind).min, np.iinfo(kind).max)
           for kind in (np.uint8, np.int8, np.uint16, np.int16)}


def _along(x: Value, vector: Value, axis: int) -> Value:
    """A scale or zero point per row along `axis`, or one for all, shaped for broadcasting."""
    assert vector.constant is not None
    if vector.rank == 0 or vector.size == 1:
        return Value(vector.array.reshape(()))
    shape = [1] * x.rank
    shape[axis % x.rank] = vector.size
    return Value(vector.array.reshape(shape))


def _settings(node: Node, inputs: Inputs) -> tuple[Value, Value | None]:
    x, scale, zero = [*inputs, None][:3]
    if scale.rank > 1 or node.get("block_size", 0):
        raise node.unsupported("blockwise scales")
    axis = node.get("axis", 1)
    return _along(x, scale, axis), None if zero is None else _along(x, zero, axis)


@converts("DequantizeLinear", 10, 13, 19, 21, 23, 24, 25, 28, constant=(1, 2))
def dequantize(node: Node, inputs: Inputs) -> Value:
    x = inputs[0]
    scale, zero = _settings(node, inputs)
    if x.constant is not None and x.array.dtype.kind not in "iu":
        raise node.unsupported(f"numbers of {x.array.dtype}")
    if zero is not None and zero.array.dtype.kind not in "iu":
        raise node.unsupported(f"numbers of {zero.array.dtype}")
    if x.constant is not None:  # weights
        offset = 0 if zero is None else zero.array.astype(np.float32)
        return Value((x.array.astype(np.float32) - offset)
                     * scale.array.astype(np.float32))
    y = elementwise(lambda t: tf.cast(t, tf.float32), [x])
    if zero is not None and zero.array.any():
        y = elementwise(tf.subtract, [y, Value(zero.array.astype(np.float32))])
    return elementwise(tf.multiply, [y, scale])


@converts("QuantizeLinear", 10, 13, 19, 21, 23, 24, 25, 28, constant=(1, 2))
def quantize(node: Node, inputs: Inputs) -> Value:
    scale, zero = _settings(node, inputs)
    kind = np.dtype(np.uint8) if zero is None else zero.array.dtype
    if kind not in _RANGES or node.get("output_dtype", 0) not in (0, 2, 3):
        raise node.unsupported(f"numbers of {kind}")
    if zero is None and node.get("output_dtype", 0) == 3:
        kind = np.dtype(np.int8)
    low, high = _RANGES[kind]
    offset = Value(np.float32(0) if zero is None else zero.array.astype(np.float32))
    rounded = elementwise(lambda t, s: tf.round(t / s), [inputs[0], scale])
    return elementwise(lambda t, z: tf.cast(tf.clip_by_value(t + z, low, high), tf.int32),
                       [rounded, offset])


@converts("DynamicQuantizeLinear", 11)
def dynamic_quantize(node: Node, inputs: Inputs) -> list[Value]:
    """Quantization with a scale and zero point from the range of the input."""
    (x,) = inputs
    tensor = x.as_stored()
    low = tf.minimum(tf.reduce_min(tensor), 0.0)
    high = tf.maximum(tf.reduce_max(tensor), 0.0)
    scale = (high - low) / 255.0
    scale = tf.where(scale == 0, 1.0, scale)
    zero = tf.clip_by_value(tf.round(-low / scale), 0.0, 255.0)
    y = tf.clip_by_value(tf.round(tensor / scale) + zero, 0.0, 255.0)
    return [Value(tf.cast(y, tf.int32), x.order), Value(scale), Value(tf.cast(zero, tf.int32))]
