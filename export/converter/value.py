"""Values that know their order: a TensorFlow tensor and how the axes of its ONNX value lie in it.

An order lists ONNX axes as they lie: an image (N, C, H, W) that lies as TensorFlow wants it has
the order (0, 2, 3, 1).  A transpose is written only when a value is asked for in an order that
it does not have, once per value and order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

Order: TypeAlias = tuple[int, ...]
#: Sizes; None for the batch, which is open (TensorFlow's types leave it to the reader).
Shape: TypeAlias = list[Any]

#: Runtimes in the browser know neither 64 bits nor small integers.
_NARROW = {np.dtype(wide): np.dtype(narrow) for narrow, kinds in {
    np.float32: (np.float64, np.float16), np.int32: (np.int64, np.uint64, np.uint32, np.int16,
                                                    np.uint16, np.int8, np.uint8)}.items()
    for wide in kinds}


def narrow(dtype: np.dtype) -> np.dtype:
    """The type in which values of an ONNX type are computed: float32, int32, or as it is."""
    return _NARROW.get(np.dtype(dtype), np.dtype(dtype))


def dims(tensor: tf.Tensor) -> Shape:
    """The sizes of a tensor as it lies."""
    return tensor.shape.as_list()


def identity(rank: int) -> Order:
    return tuple(range(rank))


def channels_last(rank: int) -> Order:
    """(N, ..., C) of an ONNX value (N, C, ...)."""
    return (0, *range(2, rank), 1)


class Value:
    """A tensor, or an array where it is `constant`, whose ONNX axes lie in `order`."""

    def __init__(self, tensor: tf.Tensor | np.ndarray | np.generic,
                 order: Sequence[int] | None = None) -> None:
        self.rank = len(tensor.shape)
        self.order: Order = tuple(order) if order is not None else identity(self.rank)
        assert sorted(self.order) == list(range(self.rank))
        self._lying: dict[Order, Any] = {}
        #: Indices that are known not to be negative.
        self.counts_up = False
        self.constant: np.ndarray | None = None
        if isinstance(tensor, (np.ndarray, np.generic)):
            # It lies in its ONNX order; in others, and as a tensor, when it is asked for.
            assert self.order == identity(self.rank)
            self.constant = np.asarray(tensor)
            self.dtype, sizes = narrow(self.constant.dtype), self.constant.shape
        else:
            self._lying[self.order] = tensor
            self.dtype = np.dtype(tensor.dtype.as_numpy_dtype)
            sizes = tensor.shape.as_list()
        self.shape: Shape = [sizes[self.order.index(axis)] for axis in range(self.rank)]

    @property
    def array(self) -> np.ndarray:
        """The array of a constant, in its ONNX order and type."""
        assert self.constant is not None
        return self.constant

    def length(self, axis: int) -> int:
        """A size that is not open."""
        size = self.shape[axis]
        assert size is not None
        return size

    @property
    def size(self) -> int:
        """Number of elements, of one input where the batch is open."""
        return math.prod(size or 1 for size in self.shape)

    def cached(self, order: Order) -> bool:
        """It has been asked for in `order` before."""
        return order in self._lying

    def cost(self, order: Order) -> int:
        """Elements to be moved to have it in `order`."""
        if self.constant is not None or order in self._lying or self._same_bytes(order):
            return 0
        return self.size

    def lying(self, order: Sequence[int]) -> tf.Tensor:
        """The tensor in `order`; constants are turned here, tensors by a transpose."""
        order = tuple(order)
        if order not in self._lying:
            self._lying[order] = self._turned(order)
        return self._lying[order]

    def logical(self) -> tf.Tensor:
        """The tensor with its axes as ONNX numbers them."""
        return self.lying(identity(self.rank))

    def as_it_lies(self) -> tf.Tensor:
        return self.lying(self.order)

    def flat(self) -> tf.Tensor:
        """A tensor, of any shape, whose elements follow each other as in ONNX."""
        return self.as_it_lies() if self._same_bytes(identity(self.rank)) else self.logical()

    def at(self, axis: int) -> int:
        """Where an ONNX axis lies."""
        return self.order.index(axis % self.rank)

    def _same_bytes(self, order: Order) -> bool:
        """Only axes of one element lie elsewhere."""
        def long(axes: Order) -> list[int]:
            return [axis for axis in axes if self.shape[axis] != 1]

        return long(order) == long(self.order)

    def _turned(self, order: Order) -> tf.Tensor:
        import tensorflow as tf

        if self.constant is not None:
            return tf.constant(as_narrow(self.constant).transpose(order))
        if self._same_bytes(order):
            return reshape(self.as_it_lies(), [self.shape[axis] for axis in order])
        return tf.transpose(self.as_it_lies(), [self.order.index(axis) for axis in order])


def as_narrow(array: np.ndarray) -> np.ndarray:
    """An array in the type in which it is computed; integers beyond it become its largest, as
    in "to the end", which ONNX writes as the largest of 64 bits."""
    kind = narrow(array.dtype)
    if kind == np.int32 and array.dtype != np.int32:
        limits = np.iinfo(np.int32)
        return np.clip(array, limits.min, limits.max).astype(np.int32)
    return array.astype(kind)


def reshape(tensor: tf.Tensor, shape: Sequence[int | None]) -> tf.Tensor:
    """`tensor` in a shape of which one size may be open; itself where it has that shape."""
    import tensorflow as tf

    if tensor.shape.as_list() == list(shape):
        return tensor
    return tf.reshape(tensor, [-1 if size is None else size for size in shape])


def aligned(value: Value, order: Order) -> tf.Tensor:
    """`value`, broadcast to the rank of `order` as ONNX does, in that order."""
    missing = len(order) - value.rank
    own = tuple(axis - missing for axis in order if axis >= missing)
    shape = [value.shape[axis - missing] if axis >= missing else 1 for axis in order]
    # A tensor of lower rank broadcasts as it is where only leading axes are missing.
    leading = next((place for place, axis in enumerate(order) if axis >= missing), len(order))
    if value.constant is not None:
        import tensorflow as tf

        turned = as_narrow(value.constant).transpose(own)
        return tf.constant(turned.reshape(shape[leading:])) if missing else value.lying(own)
    return reshape(value.lying(own), shape[leading:] if missing else shape)


def shared_order(values: Sequence[Value]) -> Order:
    """The order, of those that the values lie in, for which the least has to be moved."""
    rank = max(value.rank for value in values)
    tensors = [value for value in values if value.constant is None]
    orders = dict.fromkeys(value.order for value in tensors if value.rank == rank)

    def cost(order: Order) -> int:
        return sum(value.cost(tuple(axis - (rank - value.rank) for axis in order
                                    if axis >= rank - value.rank)) for value in tensors)

    # Where it is all the same: what convolutions want of images, and products of the rest.
    liked = channels_last(rank) if rank == 4 else identity(rank)
    return min(orders, key=lambda order: (cost(order), order != liked), default=identity(rank))


def elementwise(function: Callable[..., tf.Tensor], values: Sequence[Value]) -> Value:
    """`function` of tensors that broadcast against each other, in the order that they share."""
    order = shared_order(values)
    return Value(function(*(aligned(value, order) for value in values)), order)
