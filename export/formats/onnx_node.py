"""One node of an ONNX graph, and the table of what converts each operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import onnx

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf


class UnsupportedNodeError(ValueError):
    """The ONNX graph holds an operation that no converter here knows; names it and its node."""


@dataclass
class Node:
    """One ONNX node with its attributes as Python values."""

    proto: onnx.NodeProto
    attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in self.proto.attribute}

    def __getattr__(self, name: str) -> Any:  # whatever the fields of `proto` are
        return getattr(self.proto, name)

    def refuse(self, why: str) -> UnsupportedNodeError:
        return UnsupportedNodeError(
            f"ONNX node {self.proto.name or self.proto.output[0]!r} ({self.op_type}): {why}"
        )


#: What a node reads: a tensor, or an array for a constant; the operation says where it is which.
Inputs: TypeAlias = list[Any]
Result: TypeAlias = "tf.Tensor | np.ndarray"
Converter = Callable[[Node, Inputs], "Result | list[tf.Tensor]"]
CONVERTERS: dict[str, Converter] = {}


def converts(op_type: str) -> Callable[[Converter], Converter]:
    """Registers a converter: it gets the node and its inputs (tensors, or arrays for constants)
    and returns the output, or a list of them.  Images are NHWC."""

    def register(convert: Converter) -> Converter:
        CONVERTERS[op_type] = convert
        return convert

    return register
