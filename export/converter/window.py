"""The sliding window of convolutions and pools.

ONNX values with two spatial dimensions are stored as (N, H, W, C).  One-dimensional ones get a
height of 1: every runtime has 2-D windows, few have others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from export.converter.node import Node
from export.converter.value import Value, channels_last, dims, reshape

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass
class Window:
    """A window's parameters along height and width.  `pads` are [top, left, bottom, right];
    `overhang` is the further padding read with ceil_mode, at the bottom and at the right."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    pads: list[int]
    overhang: list[int]

    @property
    def sides(self) -> list[tuple[int, int]]:
        (top, left, bottom, right), (down, across) = self.pads, self.overhang
        return [(top, bottom + down), (left, right + across)]

    def padding(self, size: Sequence[int]) -> str | None:
        """TensorFlow's name for this padding on an image of `size`, or None."""
        if not any(self.pads) and not any(self.overhang):
            return "VALID"
        sides = [value for pair in zip(*self.sides) for value in pair]
        same = same_padding(size, self.kernel, self.strides, self.dilations)
        return "SAME" if sides == same else None


def same_padding(size: Sequence[int], kernel: Sequence[int], strides: Sequence[int],
                 dilations: Sequence[int]) -> list[int]:
    """[top, left, bottom, right] of TensorFlow's SAME."""
    total = [max(0, (-(-n // stride) - 1) * stride + (k - 1) * dilation + 1 - n)
             for n, k, stride, dilation in zip(size, kernel, strides, dilations)]
    before = [n // 2 for n in total]
    return before + [n - m for n, m in zip(total, before)]


def image(node: Node, value: Value) -> tf.Tensor:
    """A value (N, C, W) or (N, C, H, W) as (N, H, W, C), with H = 1 if it has none."""
    if value.rank not in (3, 4):
        raise node.unsupported(f"{value.rank - 2} spatial dimensions; supported are 1 and 2")
    if None in value.shape[1:]:
        raise node.unsupported("an open image size")
    tensor = value.in_order(channels_last(value.rank))
    if value.rank == 4:
        return tensor
    batch, channels, width = value.shape
    return reshape(tensor, [batch, 1, width, channels])


def spatial(tensor: tf.Tensor, rank: int) -> Value:
    """A tensor (N, H, W, C) as an ONNX value of `rank` dimensions."""
    if rank == 3:
        batch, _, width, channels = dims(tensor)
        tensor = reshape(tensor, [batch, width, channels])
    return Value(tensor, channels_last(rank))


def window(node: Node, size: Sequence[int], kernel: Sequence[int], rank: int) -> Window:
    """The window of a node on an image of `size` (H, W); `kernel` has one or two sizes."""
    def axes(name: str, default: int) -> list[int]:
        values = list(node.get(name) or [default] * (rank - 2))
        return [1, *values] if rank == 3 else values

    kernel = [1, *kernel] if rank == 3 else list(kernel)
    strides, dilations = axes("strides", 1), axes("dilations", 1)
    pads = list(node.get("pads") or [0] * 2 * (rank - 2))
    pads = [0, pads[0], 0, pads[1]] if rank == 3 else pads
    auto = node.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = same_padding(size, kernel, strides, dilations)
        if auto == "SAME_LOWER":
            pads = pads[2:] + pads[:2]
    elif auto == "VALID":
        pads = [0, 0, 0, 0]
    if min(pads) < 0:
        raise node.unsupported("negative pads")
    overhang = [0, 0]
    if node.get("ceil_mode", 0) and auto == "NOTSET":
        for axis, n in enumerate(size):
            padded = n + pads[axis] + pads[axis + 2]
            reach = (kernel[axis] - 1) * dilations[axis] + 1
            count = -(-(padded - reach) // strides[axis]) + 1
            # No window starts in the padding at the end.
            if (count - 1) * strides[axis] >= n + pads[axis]:
                count -= 1
            overhang[axis] = max(0, (count - 1) * strides[axis] + reach - padded)
    return Window(kernel, strides, dilations, pads, overhang)


def pad(tensor: tf.Tensor, sides: Sequence[tuple[int, int]], value: float) -> tf.Tensor:
    import tensorflow as tf

    if not np.any(sides):
        return tensor
    return tf.pad(tensor, [(0, 0), *sides, (0, 0)], constant_values=value)
