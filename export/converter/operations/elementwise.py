"""Elementwise operations."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
import onnx
import tensorflow as tf

from export.converter.node import Inputs, Node, converts
from export.converter.value import Value, elementwise, narrow

# --- one tensor ----------------------------------------------------------------------------


def _unary(op_type: str, function: Callable[[tf.Tensor], tf.Tensor], *versions: int) -> None:
    converts(op_type, *versions)(lambda node, inputs: elementwise(function, inputs[:1]))


for _name, _function, _versions in (
    ("Abs", tf.abs, (1, 6, 13)), ("Ceil", tf.math.ceil, (1, 6, 13)), ("Exp", tf.exp, (1, 6, 13)),
    ("Floor", tf.floor, (1, 6, 13)), ("Log", tf.math.log, (1, 6, 13)),
    ("Neg", tf.negative, (1, 6, 13)), ("Reciprocal", tf.math.reciprocal, (1, 6, 13)),
    ("Relu", tf.nn.relu, (1, 6, 13, 14)), ("Round", tf.round, (11, 22)),
    ("Sigmoid", tf.sigmoid, (1, 6, 13)), ("Sign", tf.sign, (9, 13)),
    ("Sqrt", tf.sqrt, (1, 6, 13)), ("Tanh", tf.tanh, (1, 6, 13)), ("Erf", tf.math.erf, (9, 13)),
    ("Not", tf.logical_not, (1,)), ("IsNaN", tf.math.is_nan, (9, 13, 20)),
    ("Sin", tf.sin, (7, 22)), ("Cos", tf.cos, (7, 22)), ("Tan", tf.tan, (7, 22)),
    ("Asin", tf.asin, (7, 22)), ("Acos", tf.acos, (7, 22)), ("Atan", tf.atan, (7, 22)),
    ("Sinh", tf.sinh, (9, 22)), ("Cosh", tf.cosh, (9, 22)), ("Asinh", tf.asinh, (9, 22)),
    ("Acosh", tf.acosh, (9, 22)), ("Atanh", tf.atanh, (9, 22)),
    ("Softplus", tf.nn.softplus, (1, 22)),
    ("Softsign", lambda x: x / (1.0 + tf.abs(x)), (1, 22)),
    ("HardSwish", lambda x: x * (tf.nn.relu6(x + 3.0) * (1 / 6)), (14, 22)),
    ("Mish", lambda x: x * tf.tanh(tf.nn.softplus(x)), (18, 22)),
):
    _unary(_name, _function, *_versions)


def _with_attributes(op_type: str, *versions: int) -> Callable[..., None]:
    """Register a function of a node and a tensor."""
    def register(function: Callable[[Node, tf.Tensor], tf.Tensor]) -> None:
        converts(op_type, *versions)(
            lambda node, inputs: elementwise(lambda x: function(node, x), inputs[:1]))

    return register


@_with_attributes("LeakyRelu", 1, 6, 16)
def leaky_relu(node: Node, x: tf.Tensor) -> tf.Tensor:
    return tf.nn.leaky_relu(x, node.get("alpha", 0.01))


@_with_attributes("Elu", 1, 6, 22)
def elu(node: Node, x: tf.Tensor) -> tf.Tensor:
    alpha = node.get("alpha", 1.0)
    return tf.nn.elu(x) if alpha == 1 else tf.nn.relu(x) + alpha * tf.nn.elu(-tf.nn.relu(-x))


@_with_attributes("Celu", 12, 28)
def celu(node: Node, x: tf.Tensor) -> tf.Tensor:
    alpha = node.get("alpha", 1.0)
    return tf.nn.relu(x) + alpha * tf.nn.elu(-tf.nn.relu(-x) / alpha)


@_with_attributes("Selu", 1, 6, 22)
def selu(node: Node, x: tf.Tensor) -> tf.Tensor:
    alpha, gamma = node.get("alpha", 1.6732632), node.get("gamma", 1.0507010)
    return gamma * (tf.nn.relu(x) + alpha * tf.nn.elu(-tf.nn.relu(-x)))


@_with_attributes("ThresholdedRelu", 10, 22)
def thresholded_relu(node: Node, x: tf.Tensor) -> tf.Tensor:
    return tf.where(x > node.get("alpha", 1.0), x, 0.0)


@_with_attributes("HardSigmoid", 1, 6, 22)
def hard_sigmoid(node: Node, x: tf.Tensor) -> tf.Tensor:
    scaled = node.get("alpha", 0.2) * x + node.get("beta", 0.5)
    return tf.clip_by_value(scaled, 0.0, 1.0)


@_with_attributes("Gelu", 20)
def gelu(node: Node, x: tf.Tensor) -> tf.Tensor:
    return tf.nn.gelu(x, approximate=node.get("approximate", "none") == "tanh")


@_with_attributes("Swish", 24)
def swish(node: Node, x: tf.Tensor) -> tf.Tensor:
    alpha = node.get("alpha", 1.0)
    return x * tf.sigmoid(x if alpha == 1 else alpha * x)


@_with_attributes("Shrink", 9)
def shrink(node: Node, x: tf.Tensor) -> tf.Tensor:
    bias, limit = node.get("bias", 0.0), node.get("lambd", 0.5)
    zero = tf.zeros([], x.dtype)
    bias = tf.cast(bias, x.dtype)
    limit = tf.cast(limit, x.dtype)
    return tf.where(x < -limit, x + bias, tf.where(x > limit, x - bias, zero))


@_with_attributes("IsInf", 10, 20)
def is_inf(node: Node, x: tf.Tensor) -> tf.Tensor:
    up, down = node.get("detect_positive", 1), node.get("detect_negative", 1)
    infinite = tf.math.is_inf(x)
    if up and down:
        return infinite
    side = (x > 0) if up else (x < 0) if down else tf.zeros_like(infinite)
    return tf.logical_and(infinite, side)


@converts("Identity", 1, 13, 14, 16, 19, 21, 23, 24, 25)
def identity(node: Node, inputs: Inputs) -> Value:
    return inputs[0]


@converts("Dropout", 1, 6, 7, 10, 12, 13, 22, constant=(2,))
def dropout(node: Node, inputs: Inputs) -> list[Value]:
    """The identity, with a mask of ones if requested."""
    if len(inputs) > 2 and inputs[2] is not None and inputs[2].array.any():
        raise node.unsupported("training mode; export the network in eval mode")
    x = inputs[0]
    if len(node.output) < 2:
        return [x]
    return [x, Value(tf.ones_like(x.as_stored(), tf.bool), x.order)]


@converts("Clip", 1, 6, 11, 12, 13)
def clip(node: Node, inputs: Inputs) -> Value:
    x, *bounds = inputs
    low, high = (bounds + [None, None])[:2]
    if node.version < 11:
        low, high = (Value(np.float32(node.attributes[name])) if name in node.attributes else None
                     for name in ("min", "max"))
    if low is not None and low.constant is not None and high is not None \
            and high.constant is not None and x.dtype == np.float32:
        least, most = float(low.array.reshape(())), float(high.array.reshape(()))
        if least == 0 and most == 6:
            return elementwise(tf.nn.relu6, [x])
        if least <= most:
            return elementwise(lambda t: tf.clip_by_value(t, least, most), [x])
    if low is not None:
        x = elementwise(tf.maximum, [x, low])
    return x if high is None else elementwise(tf.minimum, [x, high])


_INTEGERS = {np.dtype(kind) for kind in (np.int32, np.int64, np.int16, np.int8, np.uint8,
                                         np.uint16, np.uint32, np.uint64)}


def to_type(x: Value, dtype: np.dtype) -> Value:
    """`x` cast to an ONNX type, computed in its narrow type."""
    small = dtype in _INTEGERS - {np.dtype(np.int32), np.dtype(np.int64)}
    kind = narrow(dtype)
    if x.dtype == kind and not small:
        return x
    if kind == np.bool_:
        return elementwise(lambda t: tf.not_equal(t, tf.zeros([], t.dtype)), [x])
    return elementwise(lambda t: tf.cast(t, kind), [x])


#: Supported target types of a cast, by their ONNX numbers.
TYPES = {onnx.TensorProto.DataType.Value(name): np.dtype(kind) for name, kind in {
    "FLOAT": np.float32, "FLOAT16": np.float16, "DOUBLE": np.float64, "BOOL": np.bool_,
    "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8, "INT8": np.int8,
    "INT16": np.int16, "UINT16": np.uint16}.items()}


@converts("Cast", 1, 6, 9, 13, 19, 21, 23, 24, 25, 28)
def cast(node: Node, inputs: Inputs) -> Value:
    target = node.get("to")
    if target not in TYPES:
        raise node.unsupported(f"a cast to {onnx.TensorProto.DataType.Name(target)}")
    return to_type(inputs[0], TYPES[target])


@converts("CastLike", 15, 19, 21, 23, 24, 25, 28)
def cast_like(node: Node, inputs: Inputs) -> Value:
    return to_type(inputs[0], inputs[1].dtype)


# --- several tensors -----------------------------------------------------------------------


def _binary(op_type: str, function: Callable[..., tf.Tensor], *versions: int) -> None:
    converts(op_type, *versions)(lambda node, inputs: elementwise(function, inputs))


def _divide(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Division; of integers, truncated towards zero."""
    if x.dtype == tf.float32:
        return tf.divide(x, y)
    signs = tf.sign(x) * tf.sign(y)
    return signs * (tf.abs(x) // tf.abs(y))


def _xor(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return tf.logical_and(tf.logical_or(x, y), tf.logical_not(tf.logical_and(x, y)))


def _equal(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    if x.dtype == tf.bool:
        return tf.logical_not(_xor(x, y))
    return tf.equal(x, y)


for _name, _function, _versions in (
    ("Add", tf.add, (7, 13, 14)), ("Sub", tf.subtract, (7, 13, 14)),
    ("Mul", tf.multiply, (7, 13, 14)), ("Div", _divide, (7, 13, 14)),
    ("And", tf.logical_and, (7,)), ("Or", tf.logical_or, (7,)), ("Xor", _xor, (7,)),
    ("Equal", _equal, (7, 11, 13, 19)), ("Less", tf.less, (7, 9, 13)),
    ("LessOrEqual", tf.less_equal, (12, 16)), ("Greater", tf.greater, (7, 9, 13)),
    ("GreaterOrEqual", tf.greater_equal, (12, 16)), ("Where", tf.where, (9, 16)),
    ("BitwiseAnd", tf.bitwise.bitwise_and, (18,)),
):
    _binary(_name, _function, *_versions)


@converts("Pow", 7, 12, 13, 15)
def power(node: Node, inputs: Inputs) -> Value:
    """A power; TensorFlow requires both arguments to have the same type."""
    x, y = inputs
    exponent = None if y.constant is None or y.array.size != 1 else float(y.array.reshape(()))
    if exponent == 2:
        return elementwise(tf.square, [x])
    if exponent == 0.5 and x.dtype == np.float32:
        return elementwise(tf.sqrt, [x])
    if x.dtype == y.dtype == np.float32:
        return elementwise(tf.pow, [x, y])
    wide = elementwise(lambda a, b: tf.pow(tf.cast(a, tf.float32), tf.cast(b, tf.float32)), [x, y])
    return wide if x.dtype == np.float32 else elementwise(
        lambda t: tf.cast(tf.round(t), x.dtype), [wide])


@converts("PRelu", 7, 9, 16)
def prelu(node: Node, inputs: Inputs) -> Value:
    return elementwise(lambda x, slope: tf.nn.relu(x) - slope * tf.nn.relu(-x)
                       if x.dtype == tf.float32 else tf.where(x < 0, slope * x, x), inputs)


@converts("Mod", 10, 13, 28)
def modulo(node: Node, inputs: Inputs) -> Value:
    """The remainder, with the sign of the first argument if `fmod`, else of the second."""
    if not node.get("fmod", 0):
        return elementwise(tf.math.floormod, inputs)
    return elementwise(lambda x, y: tf.sign(x) * tf.math.floormod(tf.abs(x), tf.abs(y)), inputs)


def _variadic(op_type: str, function: Callable[..., tf.Tensor], *versions: int) -> None:
    """Register an operation of any number of tensors."""
    converts(op_type, *versions)(lambda node, inputs: reduce(
        lambda x, y: elementwise(function, [x, y]), inputs))


_variadic("Sum", tf.add, 6, 8, 13)
_variadic("Max", tf.maximum, 6, 8, 12, 13)
_variadic("Min", tf.minimum, 6, 8, 12, 13)


@converts("Mean", 6, 8, 13)
def mean(node: Node, inputs: Inputs) -> Value:
    total = reduce(lambda x, y: elementwise(tf.add, [x, y]), inputs)
    return elementwise(lambda t: t * (1 / len(inputs)), [total])
