"""Convolutions: dense, depthwise, grouped and transposed.

Padding equal to TensorFlow's SAME is written as such, since every runtime supports it; otherwise
convolutions use explicit padding, or a Pad node if they are dilated.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from export.converter.node import Inputs, Node, converts
from export.converter.value import Value, as_narrow, channels_last, dims, elementwise
from export.converter.window import Window, image, pad, spatial, window

#: Maximum channels of a dense convolution that replaces several groups.
_BLOCK = 64


def _filters(node: Node, weight: Value) -> tf.Tensor:
    """Filters (out, in, H, W) or (out, in, W) as (H, W, in, out)."""
    if weight.rank == 3:
        filters = weight.in_order((2, 1, 0))
        return tf.expand_dims(filters, 0) if weight.constant is None else tf.constant(
            as_narrow(weight.array).transpose(2, 1, 0)[None])
    return weight.in_order((2, 3, 1, 0))


@converts("Conv", 1, 11, 22)
def conv(node: Node, inputs: Inputs) -> Value:
    return convolved(node, inputs)


def convolved(node: Node, inputs: Inputs) -> Value:
    """The convolution of the first input with the filters of the second."""
    x, weight, *bias = inputs
    tensor = image(node, x)
    out_channels, in_channels = weight.shape[:2]
    view = window(node, dims(tensor)[1:3], weight.shape[2:], x.rank)
    groups = node.get("group", 1)
    filters = _filters(node, weight)
    if groups == 1:
        y = _dense(tensor, filters, view)
    elif in_channels == 1 and view.strides[0] == view.strides[1]:
        y = _depthwise(tensor, filters, groups, view)
    else:
        y = _grouped(node, tensor, weight, groups, view)
    if bias and bias[0] is not None:
        y = tf.nn.bias_add(y, bias[0].logical())
    return spatial(y, x.rank)


def _dense(x: tf.Tensor, filters: tf.Tensor, view: Window) -> tf.Tensor:
    padding = view.padding(dims(x)[1:3])
    if padding is None and max(view.dilations) > 1:
        x, padding = pad(x, view.sides, 0.0), "VALID"
    # TensorFlow's type stubs lack explicit padding, a list.
    return tf.nn.conv2d(x, filters, view.strides,
                        padding or [(0, 0), *view.sides, (0, 0)],  # pyright: ignore
                        dilations=view.dilations)


def _depthwise(x: tf.Tensor, filters: tf.Tensor, groups: int, view: Window) -> tf.Tensor:
    """A depthwise convolution with filters (H, W, 1, channels * multiplier)."""
    if max(view.strides) > 1 and max(view.dilations) > 1:
        # No runtime has both: convolve with stride 1, then subsample.
        step, view = view.strides, Window(view.kernel, [1, 1], view.dilations, view.pads,
                                      view.overhang)
        return tf.nn.max_pool2d(_depthwise(x, filters, groups, view), 1, step, "VALID")
    height, width, _, out_channels = dims(filters)
    filters = _constant_reshape(filters, [height, width, groups, out_channels // groups])
    padding = view.padding(dims(x)[1:3])
    if padding is None and max(view.dilations) > 1:
        x, padding = pad(x, view.sides, 0.0), "VALID"
    return tf.nn.depthwise_conv2d(x, filters, [1, *view.strides, 1],
                                  padding or [(0, 0), *view.sides, (0, 0)],
                                  dilations=view.dilations)


def _constant_reshape(tensor: tf.Tensor, shape: list[int]) -> tf.Tensor:
    value = tf.get_static_value(tensor)
    return tf.reshape(tensor, shape) if value is None else tf.constant(value.reshape(shape))


def _grouped(node: Node, x: tf.Tensor, weight: Value, groups: int, view: Window) -> tf.Tensor:
    """A grouped convolution, which no browser has, as dense ones over blocks of groups, with zeros
    between the groups."""
    if weight.constant is None:
        raise node.unsupported("a grouped convolution with filters that are not constant")
    filters = as_narrow(weight.array)
    filters = filters[:, :, None] if weight.rank == 3 else filters
    outputs, inputs = len(filters) // groups, filters.shape[1]
    block = max(1, min(groups, _BLOCK // max(outputs, inputs)))
    if groups * max(outputs, inputs) <= 2 * _BLOCK:
        block = groups
    parts = []
    for first in range(0, groups, block):
        count = min(block, groups - first)
        dense = np.zeros((count * outputs, count * inputs, *filters.shape[2:]), np.float32)
        for group in range(count):
            row = (first + group) * outputs
            dense[group * outputs:(group + 1) * outputs,
                  group * inputs:(group + 1) * inputs] = filters[row:row + outputs]
        part = _channels(x, first * inputs, (first + count) * inputs) if block < groups else x
        parts.append(_dense(part, tf.constant(dense.transpose(2, 3, 1, 0)), view))
    return parts[0] if len(parts) == 1 else tf.concat(parts, -1)


def _channels(x: tf.Tensor, first: int, last: int) -> tf.Tensor:
    return x[:, :, :, first:last]


@converts("ConvInteger", 10)
def conv_integer(node: Node, inputs: Inputs) -> Value:
    """An integer convolution in float32, exact while the sums fit in 24 bits."""
    x, weight, *zeros = inputs
    zeros = [*zeros, None, None][:2]
    if zeros[1] is not None:  # one per filter
        zeros[1] = Value(tf.reshape(zeros[1].logical(), [-1, *[1] * (weight.rank - 1)]))
    real = [elementwise(lambda t: tf.cast(t, tf.float32), [value]) for value in (x, weight)]
    real = [value if zero is None else elementwise(
        lambda t, z: t - tf.cast(z, tf.float32), [value, zero])
        for value, zero in zip(real, zeros)]
    return elementwise(lambda t: tf.cast(t, tf.int32), [convolved(node, real)])


@converts("ConvTranspose", 1, 11, 22, constant=(1,))
def conv_transpose(node: Node, inputs: Inputs) -> Value:
    """A transposed convolution by TensorFlow's, with dilation in the filters and the full result
    cropped by the pads."""
    x, weight, *bias = inputs
    tensor = image(node, x)
    groups = node.get("group", 1)
    kernel = weight.shape[2:]
    view = window(node, dims(tensor)[1:3], kernel, x.rank)
    filters = as_narrow(weight.array)  # (in, out of a group, H, W)
    filters = filters[:, :, None] if x.rank == 3 else filters
    filters = _spread(filters, view.dilations)
    sides, size = _crop(node, view, dims(tensor)[1:3], filters.shape[2:], x.rank)
    inputs_of_group, parts = len(filters) // groups, []
    for group in range(groups):
        first, last = group * inputs_of_group, (group + 1) * inputs_of_group
        parts.append(_conv_transpose(_channels(tensor, first, last) if groups > 1 else tensor,
                                     filters[first:last].transpose(2, 3, 1, 0), view.strides))
    y = parts[0] if groups == 1 else tf.concat(parts, -1)
    y = pad(y, [(0, max(0, size[axis] + before - dims(y)[axis + 1]))
                for axis, before in enumerate(sides)], 0.0)
    if any(sides) or dims(y)[1:3] != size:
        (top, left), (high, wide) = sides, size
        y = y[:, top:top + high, left:left + wide]
    if bias and bias[0] is not None:
        y = tf.nn.bias_add(y, bias[0].logical())
    return spatial(y, x.rank)


def _spread(filters: np.ndarray, dilations: list[int]) -> np.ndarray:
    """Filters (..., H, W) with zeros between the taps, for the same convolution undilated."""
    high, wide = ((n - 1) * step + 1 for n, step in zip(filters.shape[2:], dilations))
    spread = np.zeros((*filters.shape[:2], high, wide), filters.dtype)
    spread[..., ::dilations[0], ::dilations[1]] = filters
    return spread


def _conv_transpose(x: tf.Tensor, filters: np.ndarray, strides: list[int]) -> tf.Tensor:
    """The full transposed convolution, (N, (H - 1) * stride + kernel, ..., out), with filters
    (H, W, out, in)."""
    batch, high, wide = dims(x)[:3]
    size = [(n - 1) * step + k for n, step, k in zip((high, wide), strides, filters.shape)]
    shape = [tf.shape(x)[0] if batch is None else batch, *size, filters.shape[2]]
    y = tf.nn.conv2d_transpose(x, filters, shape,  # pyright: ignore[reportArgumentType]
                               strides, "VALID")
    if batch is None:  # TensorFlow does not infer sizes given as a tensor
        y.set_shape([None, *size, filters.shape[2]])
    return y


def _crop(node: Node, view: Window, size: list[int], kernel: tuple[int, ...], rank: int
         ) -> tuple[list[int], list[int]]:
    """[top, left] and size of the crop of the full result."""
    def axes(name: str) -> list[int]:
        values = list(node.get(name) or [0] * (rank - 2))
        return [0, *values] if rank == 3 else values

    extra = axes("output_padding")
    whole = [(n - 1) * step + k + more for n, step, k, more
             in zip(size, view.strides, kernel, extra)]
    if node.get("output_shape"):
        target = list(node.get("output_shape"))[-(rank - 2):]
        target = [1, *target] if rank == 3 else target
    elif node.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        target = [n * step for n, step in zip(size, view.strides)]
    else:
        return view.pads[:2], [n - view.pads[axis] - view.pads[axis + 2]
                               for axis, n in enumerate(whole)]
    total = [max(0, n - m) for n, m in zip(whole, target)]
    upper = node.get("auto_pad", "NOTSET") == "SAME_UPPER"
    return [n // 2 if upper else n - n // 2 for n in total], target


@converts("DepthToSpace", 1, 11, 13, 28)
def depth_to_space(node: Node, inputs: Inputs) -> Value:
    (x,) = inputs
    block = node.get("blocksize")
    tensor = x.in_order(channels_last(4))
    if node.get("mode", "DCR") == "CRD":  # blocks are the inner part of the channels
        channels = np.arange(x.shape[1]).reshape(-1, block * block).T.reshape(-1)
        tensor = tf.gather(tensor, channels.astype(np.int32), axis=3)
    return Value(tf.nn.depth_to_space(tensor, block), channels_last(4))


@converts("SpaceToDepth", 1, 13, 28)
def space_to_depth(node: Node, inputs: Inputs) -> Value:
    """SpaceToDepth as a convolution with one-hot filters: TF.js lacks the operation."""
    (x,) = inputs
    block, channels = node.get("blocksize"), x.shape[1]
    filters = np.eye(block * block * channels, dtype=np.float32)
    filters = filters.reshape(block, block, channels, block * block * channels)
    if node.get("mode", "DCR") == "CRD":  # blocks are the inner part of the channels
        filters = filters[..., np.arange(filters.shape[3]).reshape(-1, channels).T.reshape(-1)]
    return Value(tf.nn.conv2d(x.in_order(channels_last(4)), filters, block, "VALID"),
                 channels_last(4))
