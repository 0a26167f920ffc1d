"""Pools over windows and over whole images."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
import tensorflow as tf

from export.converter.node import Convert, Inputs, Node, converts
from export.converter.value import Value, dims
from export.converter.window import Window, image, pad, spatial, window

#: Below every value of a network; not all GPUs support infinities.
_LOWEST = -3.0e38


@converts("MaxPool", 1, 8, 10, 11, 12, 22)
def max_pool(node: Node, inputs: Inputs) -> Value:
    (x,) = inputs
    if len([name for name in node.output if name]) > 1:
        raise node.unsupported("its second output, the indices of the maxima")
    tensor = image(node, x)
    if tensor.dtype != tf.float32:
        raise node.unsupported("a pool over integers")
    size = dims(tensor)[1:3]
    view = window(node, size, node.get("kernel_shape"), x.rank)
    if max(view.dilations) > 1:
        return spatial(_dilated(pad(tensor, view.sides, _LOWEST), view), x.rank)
    padding = view.padding(size)
    if padding is None and _is_subsampled(view, size):
        return spatial(_subsampled(tf.nn.max_pool2d, tensor, view), x.rank)
    if padding is None:
        tensor, padding = pad(tensor, view.sides, _LOWEST), "VALID"
    return spatial(tf.nn.max_pool2d(tensor, view.kernel, view.strides, padding), x.rank)


def _is_subsampled(view: Window, size: list[int]) -> bool:
    """Whether the pool equals a SAME pool with stride 1, subsampled by `strides`."""
    counts = [(n + sum(sides) - k) // step + 1
              for n, sides, k, step in zip(size, view.sides, view.kernel, view.strides)]
    return (max(view.dilations) == 1
            and view.pads[:2] == [(k - 1) // 2 for k in view.kernel]
            and counts == [-(-n // step) for n, step in zip(size, view.strides)])


def _subsampled(pool: Callable[..., tf.Tensor], x: tf.Tensor, view: Window) -> tf.Tensor:
    """`pool` with stride 1, subsampled by a 1x1 max pool with `strides`.

    A Pad node is slower in TF.js (0.028 ms at 32x32x16 on wasm, a pool with stride 1 takes 0.035
    and a 1x1 pool 0.005), adds zeros to an average, and its -3e38 before a maximum cannot share an
    8-bit scale with pixels.
    """
    dense = pool(x, view.kernel, 1, "SAME")
    return tf.nn.max_pool2d(dense, 1, view.strides, "VALID")


def _dilated(x: tf.Tensor, view: Window) -> tf.Tensor:
    """A dilated max pool as the maximum of shifted images, one per tap of the window."""
    reach = [(k - 1) * step for k, step in zip(view.kernel, view.dilations)]
    high, wide = (n - far for n, far in zip(dims(x)[1:3], reach))
    down, across = view.strides
    return reduce(tf.maximum, [
        x[:, top:top + high:down, left:left + wide:across]
        for top in range(0, reach[0] + 1, view.dilations[0])
        for left in range(0, reach[1] + 1, view.dilations[1])])


@converts("AveragePool", 1, 7, 10, 11, 19, 22)
def average_pool(node: Node, inputs: Inputs) -> Value:
    (x,) = inputs
    tensor = image(node, x)
    size = dims(tensor)[1:3]
    view = window(node, size, node.get("kernel_shape"), x.rank)
    if max(view.dilations) > 1:
        return spatial(_spread_average(node, tensor, view), x.rank)
    padding, counted = view.padding(size), bool(node.get("count_include_pad", 0))
    # TensorFlow's SAME excludes the padding from the average.
    if padding == "VALID" or padding == "SAME" and not (counted and any(view.pads)):
        return spatial(tf.nn.avg_pool2d(tensor, view.kernel, view.strides, padding), x.rank)
    # LiteRT.js on WebGPU merges a Pad node into the pool, which then excludes the padding.
    if padding == "SAME" or _is_subsampled(view, size):
        y = (tf.nn.avg_pool2d(tensor, view.kernel, view.strides, padding) if padding == "SAME"
             else _subsampled(tf.nn.avg_pool2d, tensor, view))
        if counted:
            share = _counts(size, view, False) / _counts(size, view, True)
            y = y * share.astype(np.float32)[None, :, :, None]
        return spatial(y, x.rank)
    y = tf.nn.avg_pool2d(pad(tensor, view.sides, 0.0), view.kernel, view.strides, "VALID")
    counts = _counts(size, view, counted)
    if (counts != np.prod(view.kernel)).any():
        y = y * (np.prod(view.kernel) / counts).astype(np.float32)[None, :, :, None]
    return spatial(y, x.rank)


def _counts(size: list[int], view: Window, padding_counts: bool) -> np.ndarray:
    """The number of pixels that each window averages, (H, W), without those of ceil_mode."""
    along = []
    for axis, n in enumerate(size):
        before, after = view.pads[axis], view.pads[axis + 2]
        ones = np.zeros(before + n + after + view.overhang[axis])
        ones[:before + n + after] = padding_counts
        ones[before:before + n] = 1
        reach = (view.kernel[axis] - 1) * view.dilations[axis] + 1
        along.append(np.array([ones[first:first + reach:view.dilations[axis]].sum() for first
                               in range(0, len(ones) - reach + 1, view.strides[axis])]))
    return np.outer(*along)


def _spread_average(node: Node, x: tf.Tensor, view: Window) -> tf.Tensor:
    """A dilated average pool: a depthwise convolution with ones, divided by the counts."""
    if max(view.strides) > 1:
        raise node.unsupported("an average with stride and dilation")
    ones = np.ones((*view.kernel, dims(x)[-1], 1), np.float32)
    y = tf.nn.depthwise_conv2d(pad(x, view.sides, 0.0), ones, [1, 1, 1, 1], "VALID",
                               dilations=view.dilations)
    counts = _counts(dims(x)[1:3], view, bool(node.get("count_include_pad", 0)))
    return y * (1 / counts).astype(np.float32)[None, :, :, None]


@converts("LpPool", 1, 2, 11, 18, 22)
def lp_pool(node: Node, inputs: Inputs) -> Value:
    (x,) = inputs
    tensor, power = image(node, x), float(node.get("p", 2))
    view = window(node, dims(tensor)[1:3], node.get("kernel_shape"), x.rank)
    if max(view.dilations) > 1:
        raise node.unsupported("dilations")
    powers = tf.pow(tf.abs(pad(tensor, view.sides, 0.0)), power)
    y = tf.nn.avg_pool2d(powers, view.kernel, view.strides, "VALID")
    return spatial(tf.pow(y * float(np.prod(view.kernel)), 1 / power), x.rank)


def _over_space(function: Callable[..., tf.Tensor]) -> Convert:
    def convert(node: Node, inputs: Inputs) -> Value:
        (x,) = inputs
        axes = [x.position(axis) for axis in range(2, x.rank)]
        return Value(function(x.as_stored(), axes, keepdims=True), x.order)

    return convert


converts("GlobalAveragePool", 1, 22)(_over_space(tf.reduce_mean))
converts("GlobalMaxPool", 1, 22)(_over_space(tf.reduce_max))
