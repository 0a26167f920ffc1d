"""An ONNX graph as a TensorFlow function."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import onnx
from onnx import numpy_helper

from export.converter import operations
from export.converter.node import OPSETS, Node, UnsupportedNodeError, check
from export.converter.value import Value

if TYPE_CHECKING:
    import tensorflow as tf


def opset(model: onnx.ModelProto) -> int:
    """The opset of the standard ONNX operations.  Raises UnsupportedNodeError for a missing or
    unsupported one."""
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions or versions[0] not in OPSETS:
        shown = f"opset {versions[0]}" if versions else "no opset of ONNX"
        raise UnsupportedNodeError(f"the ONNX graph has {shown}; supported are opsets {OPSETS[0]} "
                                   f"to {OPSETS[-1]}")
    return versions[0]


def convert(model: onnx.ModelProto) -> Callable[..., dict[str, tf.Tensor]]:
    """A Python function of the graph's inputs, by name, that builds the TensorFlow graph.

    Raises UnsupportedNodeError for the first node without a converter, before any conversion; the
    function raises it for a node that cannot be converted at its sizes.
    """
    for family in pkgutil.iter_modules(operations.__path__):  # each registers its operations
        importlib.import_module(f"{operations.__name__}.{family.name}")
    from export.converter.node import OPERATIONS

    version = opset(model)
    nodes = [Node(proto, version) for proto in model.graph.node]
    constants = {init.name: numpy_helper.to_array(init) for init in model.graph.initializer}
    known = {*constants, *(name for node in nodes if node.op_type == "Constant"
                           for name in node.output)}
    for node in nodes:
        check(node, known)
    outputs = [output.name for output in model.graph.output]

    def run(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        import tensorflow as tf

        values = {name: Value(value) for name, value in {**constants, **inputs}.items()}
        for name in inputs:  # ids are assumed nonnegative; a check would run every time
            values[name].nonnegative = True
        for node in nodes:
            read = [values[name] if name else None for name in node.input]
            results = OPERATIONS[node.op_type].convert(node, read)
            values.update(zip(node.output, results if isinstance(results, list) else [results]))
        # An identity gives each output a node with its name.
        return {name: tf.identity(values[name].logical(), name=name) for name in outputs}

    return run
