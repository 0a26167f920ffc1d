"""Values with an axis order: a TensorFlow tensor and the order of its ONNX axes in memory.

An image (N, C, H, W) stored as (N, H, W, C), as TensorFlow requires, has the order (0, 2, 3, 1).
A transpose is added only when a value is requested in another order, once per value and order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

Order: TypeAlias = tuple[int, ...]
#: Sizes; None for an open batch (Any, as in TensorFlow's type stubs).
Shape: TypeAlias = list[Any]

#: Browser runtimes have neither 64-bit types nor small integers.
_NARROW = {np.dtype(wide): np.dtype(narrow) for narrow, kinds in {
    np.float32: (np.float64, np.float16), np.int32: (np.int64, np.uint64, np.uint32, np.int16,
                                                    np.uint16, np.int8, np.uint8)}.items()
    for wide in kinds}


def narrow(dtype: np.dtype) -> np.dtype:
    """The type that values of an ONNX type are computed in: float32, int32 or the type itself."""
    return _NARROW.get(np.dtype(dtype), np.dtype(dtype))


def dims(tensor: tf.Tensor) -> Shape:
    """The sizes of a tensor."""
    return tensor.shape.as_list()


def identity(rank: int) -> Order:
    return tuple(range(rank))


def channels_last(rank: int) -> Order:
    """The order (N, ..., C) of an ONNX value (N, C, ...)."""
    return (0, *range(2, rank), 1)


class Value:
    """A tensor, or an array if `constant`, whose ONNX axes are stored in `order`."""

    def __init__(self, tensor: tf.Tensor | np.ndarray | np.generic,
                 order: Sequence[int] | None = None) -> None:
        self.rank = len(tensor.shape)
        self.order: Order = tuple(order) if order is not None else identity(self.rank)
        assert sorted(self.order) == list(range(self.rank))
        self._tensors: dict[Order, Any] = {}
        #: Whether all elements are known to be nonnegative, as indices.
        self.nonnegative = False
        self.constant: np.ndarray | None = None
        if isinstance(tensor, (np.ndarray, np.generic)):
            # Stored in ONNX order, and transposed on request.
            assert self.order == identity(self.rank)
            self.constant = np.asarray(tensor)
            self.dtype, sizes = narrow(self.constant.dtype), self.constant.shape
        else:
            self._tensors[self.order] = tensor
            self.dtype = np.dtype(tensor.dtype.as_numpy_dtype)
            sizes = tensor.shape.as_list()
        self.shape: Shape = [sizes[self.order.index(axis)] for axis in range(self.rank)]

    @property
    def array(self) -> np.ndarray:
        """The array of a constant, in its ONNX order and type."""
        assert self.constant is not None
        return self.constant

    def length(self, axis: int) -> int:
        """The size of an axis, which is not open."""
        size = self.shape[axis]
        assert size is not None
        return size

    @property
    def size(self) -> int:
        """Number of elements; for an open batch, of one input."""
        return math.prod(size or 1 for size in self.shape)

    def cached(self, order: Order) -> bool:
        """Whether the tensor exists in `order`."""
        return order in self._tensors

    def cost(self, order: Order) -> int:
        """Elements that a transpose to `order` moves."""
        if self.constant is not None or order in self._tensors or self._same_bytes(order):
            return 0
        return self.size

    def in_order(self, order: Sequence[int]) -> tf.Tensor:
        """The tensor in `order`: a transposed constant, or a transpose in the graph."""
        order = tuple(order)
        if order not in self._tensors:
            self._tensors[order] = self._transposed(order)
        return self._tensors[order]

    def logical(self) -> tf.Tensor:
        """The tensor in ONNX order."""
        return self.in_order(identity(self.rank))

    def as_stored(self) -> tf.Tensor:
        """The tensor in the order that it is stored in."""
        return self.in_order(self.order)

    def flat(self) -> tf.Tensor:
        """A tensor of any shape with its elements in the sequence of ONNX."""
        return self.as_stored() if self._same_bytes(identity(self.rank)) else self.logical()

    def position(self, axis: int) -> int:
        """The position of an ONNX axis in the tensor."""
        return self.order.index(axis % self.rank)

    def _same_bytes(self, order: Order) -> bool:
        """Whether `order` differs only in axes of size 1."""
        def long(axes: Order) -> list[int]:
            return [axis for axis in axes if self.shape[axis] != 1]

        return long(order) == long(self.order)

    def _transposed(self, order: Order) -> tf.Tensor:
        import tensorflow as tf

        if self.constant is not None:
            return tf.constant(as_narrow(self.constant).transpose(order))
        if self._same_bytes(order):
            return reshape(self.as_stored(), [self.shape[axis] for axis in order])
        return tf.transpose(self.as_stored(), [self.order.index(axis) for axis in order])


def as_narrow(array: np.ndarray) -> np.ndarray:
    """An array in the type that it is computed in; larger integers are clipped, such as the 64-bit
    maximum that stands for "to the end" in ONNX."""
    kind = narrow(array.dtype)
    if kind == np.int32 and array.dtype != np.int32:
        limits = np.iinfo(np.int32)
        return np.clip(array, limits.min, limits.max).astype(np.int32)
    return array.astype(kind)


def reshape(tensor: tf.Tensor, shape: Sequence[int | None]) -> tf.Tensor:
    """`tensor` in `shape`, where one size may be open; `tensor` itself if it has that shape."""
    import tensorflow as tf

    if tensor.shape.as_list() == list(shape):
        return tensor
    return tf.reshape(tensor, [-1 if size is None else size for size in shape])


def aligned(value: Value, order: Order) -> tf.Tensor:
    """`value` in `order`, with its rank raised for broadcasting as in ONNX."""
    missing = len(order) - value.rank
    own = tuple(axis - missing for axis in order if axis >= missing)
    shape = [value.shape[axis - missing] if axis >= missing else 1 for axis in order]
    # A tensor without leading axes broadcasts without a reshape.
    leading = next((index for index, axis in enumerate(order) if axis >= missing), len(order))
    if value.constant is not None:
        import tensorflow as tf

        array = as_narrow(value.constant).transpose(own)
        return tf.constant(array.reshape(shape[leading:])) if missing else value.in_order(own)
    return reshape(value.in_order(own), shape[leading:] if missing else shape)


def shared_order(values: Sequence[Value]) -> Order:
    """The order of one of the values for which transposes move the fewest elements."""
    rank = max(value.rank for value in values)
    tensors = [value for value in values if value.constant is None]
    orders = dict.fromkeys(value.order for value in tensors if value.rank == rank)

    def cost(order: Order) -> int:
        return sum(value.cost(tuple(axis - (rank - value.rank) for axis in order
                                    if axis >= rank - value.rank)) for value in tensors)

    # At equal cost: the order of convolutions for images, of matrix products for others.
    preferred = channels_last(rank) if rank == 4 else identity(rank)
    return min(orders, key=lambda order: (cost(order), order != preferred), default=identity(rank))


def elementwise(function: Callable[..., tf.Tensor], values: Sequence[Value]) -> Value:
    """`function` of tensors broadcast against each other, in their shared order."""
    order = shared_order(values)
    return Value(function(*(aligned(value, order) for value in values)), order)
