"""One node of an ONNX graph, and the table of what converts each operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import onnx


class UnsupportedNodeError(ValueError):
    """The ONNX graph holds an operation that no converter here knows; names it and its node."""


@dataclass
class Node:
    """One ONNX node with its attributes as Python values."""

    proto: onnx.NodeProto
    attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in self.proto.attribute}

    def __getattr__(self, name):
        return getattr(self.proto, name)

    def refuse(self, why: str) -> UnsupportedNodeError:
        return UnsupportedNodeError(
            f"ONNX node {self.proto.name or self.proto.output[0]!r} ({self.op_type}): {why}"
        )


Converter = Callable[[Node, list], Any]
CONVERTERS: dict[str, Converter] = {}


def converts(op_type: str) -> Callable[[Converter], Converter]:
    """Registers a converter: it gets the node and its inputs (tensors, or arrays for constants)
    and returns the output, or a list of them.  Images are NHWC."""

    def register(convert: Converter) -> Converter:
        CONVERTERS[op_type] = convert
        return convert

    return register
