"""The TensorFlow form of each ONNX operation that our networks produce, in NHWC.

An ONNX image tensor is (N, C, H, W); here the same value lies as (N, H, W, C).  Padding: where
TensorFlow's SAME pads as the ONNX node does, it is used, since every runtime has it; elsewhere
convolutions take explicit padding and pools a Pad node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, cast

import numpy as np
import tensorflow as tf

from export.formats.onnx import same_padding
from export.formats.onnx_node import Inputs, Node, Result, converts

_Sides: TypeAlias = list[tuple[int, int]]  # [(top, bottom), (left, right)]


def _is_image(x: Result) -> bool:
    return len(x.shape) == 4


def _constant(x: Result) -> Result:
    """A constant operand of an elementwise operation: (1, C, H, W) to (1, H, W, C)."""
    if not isinstance(x, np.ndarray):
        return x
    if _is_image(x):
        x = x.transpose(0, 2, 3, 1)
    return x


def _padding(node: Node, x: tf.Tensor, kernel: Sequence[int], strides: Sequence[int],
             dilations: Sequence[int] = (1, 1)) -> _Sides | Literal["SAME", "VALID"]:
    """'SAME' or 'VALID' where they mean the node's padding, else the sides."""
    if node.attributes.get("auto_pad", b"NOTSET") != b"NOTSET" or node.attributes.get("ceil_mode"):
        raise node.refuse("auto_pad and ceil_mode are not converted; spell the padding out")
    top, left, bottom, right = node.attributes.get("pads", [0, 0, 0, 0])
    if not any((top, left, bottom, right)):
        return "VALID"
    size = cast("list[int]", x.shape.as_list()[1:3])  # only the batch is open
    if [top, left, bottom, right] == same_padding(size, kernel, strides, dilations):
        return "SAME"
    return [(top, bottom), (left, right)]


def _pad(x: tf.Tensor, padding: _Sides, value: float) -> tf.Tensor:
    return tf.pad(x, [(0, 0), *padding, (0, 0)], constant_values=value)


@converts("Conv")
def conv(node: Node, inputs: Inputs) -> tf.Tensor:
    x, weight = inputs[:2]
    out_channels, in_channels, *kernel = weight.shape
    strides = node.attributes.get("strides", [1, 1])
    dilations = node.attributes.get("dilations", [1, 1])
    groups = node.attributes.get("group", 1)
    padding = _padding(node, x, kernel, strides, dilations)
    depthwise = groups == x.shape[-1] == out_channels and groups > 1
    if isinstance(padding, list) and max(dilations) > 1:
        x, padding = _pad(x, padding, 0.0), "VALID"
    elif isinstance(padding, list):
        padding = [(0, 0), *padding, (0, 0)]
    if depthwise:
        if max(strides) > 1 and max(dilations) > 1:
            raise node.refuse("a depthwise convolution with stride and dilation runs nowhere "
                              "after this; deploy splits it")
        y = tf.nn.depthwise_conv2d(x, weight.transpose(2, 3, 0, 1), [1, *strides, 1], padding,
                                   dilations=dilations)
    elif groups == 1:
        # TensorFlow's types leave out explicit padding, a list.
        y = tf.nn.conv2d(x, weight.transpose(2, 3, 1, 0), strides,
                         padding,  # pyright: ignore[reportArgumentType]
                         dilations=dilations)
    else:
        raise node.refuse(f"{groups} groups of {in_channels} channels run in no browser; "
                          "deploy makes them dense")
    return tf.nn.bias_add(y, inputs[2]) if len(inputs) > 2 else y


@converts("MaxPool")
def max_pool(node: Node, inputs: Inputs) -> tf.Tensor:
    kernel = node.attributes["kernel_shape"]
    strides = node.attributes.get("strides", [1, 1])
    (x,) = inputs
    padding = _padding(node, x, kernel, strides)
    if isinstance(padding, list):
        # Below every float32 that a network computes; infinities do not survive all GPUs.
        x, padding = _pad(x, padding, -3.0e38), "VALID"
    return tf.nn.max_pool2d(x, kernel, strides, padding)


@converts("AveragePool")
def average_pool(node: Node, inputs: Inputs) -> tf.Tensor:
    kernel = node.attributes["kernel_shape"]
    strides = node.attributes.get("strides", [1, 1])
    (x,) = inputs
    padding = _padding(node, x, kernel, strides)
    if padding != "VALID" and node.attributes.get("count_include_pad"):
        top, left, bottom, right = node.attributes["pads"]
        x, padding = _pad(x, [(top, bottom), (left, right)], 0.0), "VALID"
    if isinstance(padding, list):  # SAME leaves the padding out of the average
        raise node.refuse("average without padding count at this size and stride; deploy "
                          "makes it a pool and a mask")
    return tf.nn.avg_pool2d(x, kernel, strides, padding)


@converts("GlobalAveragePool")
def global_average_pool(node: Node, inputs: Inputs) -> tf.Tensor:
    return tf.reduce_mean(inputs[0], [1, 2], keepdims=True)


@converts("Flatten")
def flatten(node: Node, inputs: Inputs) -> tf.Tensor:
    (x,) = inputs
    if node.attributes.get("axis", 1) != 1 or not _is_image(x) or x.shape[1:3] != (1, 1):
        raise node.refuse("only a pooled image, one pixel, can be flattened")
    return tf.reshape(x, [-1, x.shape[3]])


@converts("Transpose")
def transpose(node: Node, inputs: Inputs) -> tf.Tensor:
    if list(node.attributes["perm"]) == [1, 0]:
        return tf.transpose(inputs[0])
    if list(node.attributes["perm"]) != [0, 3, 1, 2]:
        raise node.refuse("only the input's NHWC to NCHW, which is nothing here, and matrices are "
                          "converted")
    return inputs[0]


@converts("Concat")
def concat(node: Node, inputs: Inputs) -> tf.Tensor:
    axis = node.attributes["axis"]
    if _is_image(inputs[0]):
        axis = {0: 0, 1: 3, 2: 1, 3: 2}[axis % 4]
    return tf.concat(inputs, axis)


@converts("Split")
def split(node: Node, inputs: Inputs) -> list[tf.Tensor]:
    if _is_image(inputs[0]):
        raise node.refuse("only vectors are split")
    sizes = inputs[1].tolist() if len(inputs) > 1 else len(node.output)
    return tf.split(inputs[0], sizes, node.attributes.get("axis", 0))


@converts("Gemm")
def gemm(node: Node, inputs: Inputs) -> tf.Tensor:
    a, b, *c = inputs
    scaled = node.attributes.get("alpha", 1.0) != 1.0 or node.attributes.get("beta", 1.0) != 1.0
    if scaled or node.attributes.get("transA"):
        raise node.refuse("only a plain linear layer is converted")
    y = tf.matmul(a, b.T if node.attributes.get("transB") else b)
    return tf.nn.bias_add(y, c[0]) if c else y


@converts("Gather")
def gather(node: Node, inputs: Inputs) -> tf.Tensor:
    return tf.gather(inputs[0], inputs[1], axis=node.attributes.get("axis", 0))


@converts("Constant")
def constant(node: Node, inputs: Inputs) -> np.ndarray:
    from onnx import numpy_helper

    return numpy_helper.to_array(node.attributes["value"])


@converts("Softmax")
def softmax(node: Node, inputs: Inputs) -> tf.Tensor:
    if node.attributes.get("axis", -1) not in (-1, len(inputs[0].shape) - 1):
        raise node.refuse("only along the last axis")
    return tf.nn.softmax(inputs[0])


@converts("Identity")
def identity(node: Node, inputs: Inputs) -> Result:
    return inputs[0]


def _elementwise(op_type: str, function: Callable[..., tf.Tensor]) -> None:
    converts(op_type)(lambda node, inputs: function(*map(_constant, inputs)))


_elementwise("Add", tf.add)
_elementwise("Sub", tf.subtract)
_elementwise("Mul", tf.multiply)
_elementwise("Div", tf.divide)
_elementwise("MatMul", tf.matmul)
_elementwise("Relu", tf.nn.relu)
_elementwise("Sigmoid", tf.sigmoid)
_elementwise("Tanh", tf.tanh)
