"""A node of an ONNX graph, and the table of operations with their converters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import onnx

if TYPE_CHECKING:
    from export.converter.value import Value

#: Supported opsets of ONNX.
OPSETS = range(7, 29)


class UnsupportedNodeError(ValueError):
    """An ONNX operation without a converter; the message names it and its node."""


class Node:
    """An ONNX node: attributes as Python values, and `version`, the opset of its operation's last
    change."""

    def __init__(self, proto: onnx.NodeProto, opset: int = OPSETS[-1]) -> None:
        self.proto = proto
        self.op_type, self.input, self.output = proto.op_type, proto.input, proto.output
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
        self.opset = opset
        try:
            self.version = onnx.defs.get_schema(self.op_type, opset).since_version
        except onnx.defs.SchemaError:  # of another domain, or newer than the graph's opset
            self.version = 0

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an attribute, with bytes decoded."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    @property
    def label(self) -> str:
        """The node's name in error messages."""
        return f"ONNX node {self.proto.name or self.proto.output[0]!r} ({self.op_type})"

    def unsupported(self, reason: str) -> UnsupportedNodeError:
        """The error for this node, to be raised."""
        return UnsupportedNodeError(f"{self.label}: {reason}")


#: The inputs of a node, in order; None for an optional input that is left out.
Inputs: TypeAlias = "list[Any]"
Convert = Callable[[Node, Inputs], "Value | list[Value]"]


@dataclass(frozen=True)
class Operation:
    """The converter of an ONNX operation in the given `versions`; the inputs at the positions
    `constant` have to be constants."""

    convert: Convert
    versions: frozenset[int]
    constant: tuple[int, ...] = ()


OPERATIONS: dict[str, Operation] = {}


def converts(op_type: str, *versions: int, constant: Sequence[int] = ()
             ) -> Callable[[Convert], Convert]:
    """Register a function from a node and its inputs to its output or outputs, for those versions
    of the operation (the opsets in which it changed).

    Examples:
        >>> @converts("Twice", 1, 13)
        ... def twice(node, inputs):
        ...     return elementwise(lambda x: x + x, inputs)
        >>> del OPERATIONS["Twice"]
    """

    def register(convert: Convert) -> Convert:
        OPERATIONS[op_type] = Operation(convert, frozenset(versions), tuple(constant))
        return convert

    return register


def check(node: Node, constants: set[str]) -> None:
    """Raise UnsupportedNodeError unless this node has a converter for its version and inputs."""
    domain = node.proto.domain
    if domain not in ("", "ai.onnx"):
        raise node.unsupported(f"its domain {domain!r} is a vendor's, supported only by that "
                               "vendor's runtime")
    if node.op_type in ("If", "Loop", "Scan"):
        raise node.unsupported("control flow that depends on the input; export the network "
                               "without it")
    operation = OPERATIONS.get(node.op_type)
    if operation is None:
        raise node.unsupported(f"operation {node.op_type} has no converter "
                               "(see export/converter/operations)")
    if node.version not in operation.versions:
        versions = ", ".join(map(str, sorted(operation.versions)))
        raise node.unsupported(f"{node.op_type} of opset {node.version} has no converter, only "
                               f"that of {versions}")
    for index in operation.constant:
        if index < len(node.input) and node.input[index] not in constants | {""}:
            raise node.unsupported(f"input {node.input[index]!r} has to be a constant, and is "
                                   "computed by the graph")
