"""One node of an ONNX graph, and the table of what converts each operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import onnx

if TYPE_CHECKING:
    from export.converter.value import Value

#: The opsets of ONNX that a graph may be of.
OPSETS = range(7, 29)


class UnsupportedNodeError(ValueError):
    """The ONNX graph holds an operation that no converter here knows; names it and its node."""


class Node:
    """One ONNX node: attributes as Python values, and `version`, the opset in which what it
    means was last changed."""

    def __init__(self, proto: onnx.NodeProto, opset: int = OPSETS[-1]) -> None:
        self.proto = proto
        self.op_type, self.input, self.output = proto.op_type, proto.input, proto.output
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
        self.opset = opset
        try:
            self.version = onnx.defs.get_schema(self.op_type, opset).since_version
        except onnx.defs.SchemaError:  # of another domain, or newer than the graph
            self.version = 0

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, text as str."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    @property
    def shown(self) -> str:
        """How errors name it."""
        return f"ONNX node {self.proto.name or self.proto.output[0]!r} ({self.op_type})"

    def refuse(self, why: str) -> UnsupportedNodeError:
        return UnsupportedNodeError(f"{self.shown}: {why}")


#: What a node reads, in its order; None for an optional input that is left out.
Inputs: TypeAlias = "list[Any]"
Convert = Callable[[Node, Inputs], "Value | list[Value]"]


@dataclass(frozen=True)
class Operation:
    """How an ONNX operation is converted, in the `versions` that it has had; the inputs at
    `constant` have to be known before the graph runs."""

    convert: Convert
    versions: frozenset[int]
    constant: tuple[int, ...] = ()


OPERATIONS: dict[str, Operation] = {}


def converts(op_type: str, *versions: int, constant: Sequence[int] = ()
             ) -> Callable[[Convert], Convert]:
    """Registers a function that gets the node and its inputs and returns its output or outputs,
    for the opsets in which the operation has changed.

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
    """Raise UnsupportedNodeError unless there is a converter for this node, as it is."""
    domain = node.proto.domain
    if domain not in ("", "ai.onnx"):
        raise node.refuse(f"it is of {domain!r}, a vendor's own operations, which nothing but that "
                          "vendor's runtime has")
    if node.op_type in ("If", "Loop", "Scan"):
        raise node.refuse("control flow that depends on the input; export the network without it")
    operation = OPERATIONS.get(node.op_type)
    if operation is None:
        raise node.refuse(f"operation {node.op_type} has no converter "
                          "(export/converter/operations has those that there are)")
    if node.version not in operation.versions:
        known = ", ".join(map(str, sorted(operation.versions)))
        raise node.refuse(f"{node.op_type} of opset {node.version} is not converted, only that of "
                          f"{known}")
    for place in operation.constant:
        if place < len(node.input) and node.input[place] not in constants | {""}:
            raise node.refuse(f"input {node.input[place]!r} is known only when the graph runs; it "
                              "has to be a constant")
