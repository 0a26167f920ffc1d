"""Subgraphs: folds If, Loop and Scan over constants, which run once and give way to their outputs.

ONNX Runtime folds an If with a constant condition, but no other node with a subgraph.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

_KINDS = ("If", "Loop", "Scan")


def fold(model: onnx.ModelProto) -> int:
    """Replace control flow over constants in place; returns the number of nodes removed.

    Nodes that ONNX Runtime cannot run are left in place.
    """
    graph, removed = model.graph, 0
    constants = {init.name: init for init in graph.initializer}
    for node in [node for node in graph.node if node.op_type in _KINDS]:
        read = set(reads(node))
        if not read <= set(constants):
            continue
        values = _run(model, node, [constants[name] for name in sorted(read)])
        if values is None:
            continue
        for name, value in values.items():
            constants[name] = numpy_helper.from_array(value, name)
            graph.initializer.append(constants[name])
        graph.node.remove(node)
        removed += 1
    return removed


def reads(node: onnx.NodeProto) -> list[str]:
    """The names that a node reads, its subgraphs included; a name may come more than once."""
    return [name for name in (*node.input, *_captured(node)) if name]


def _captured(node: onnx.NodeProto) -> Iterator[str]:
    """Outer names read by the subgraphs of a node."""
    for attribute in node.attribute:
        if attribute.type != onnx.AttributeProto.GRAPH:
            continue
        inner = attribute.g
        own = {value.name for value in (*inner.input, *inner.initializer)}
        own.update(name for each in inner.node for name in each.output)
        for each in inner.node:
            yield from {*each.input, *_captured(each)} - own
        yield from {value.name for value in inner.output} - own


def _run(model: onnx.ModelProto, node: onnx.NodeProto, constants: list[onnx.TensorProto]
         ) -> dict[str, np.ndarray] | None:
    from export.network.onnx_samples import session

    names = [name for name in node.output if name]
    alone = helper.make_graph([node], "constant", [], [onnx.ValueInfoProto(name=name)
                                                       for name in names], constants)
    single = helper.make_model(alone, opset_imports=list(model.opset_import))
    single.ir_version = model.ir_version
    try:
        values = session(single).run(None, {})
    except Exception:  # the converter rejects the node by name
        return None
    return {name: value for name, value in zip(names, values) if isinstance(value, np.ndarray)} \
        if all(isinstance(value, np.ndarray) for value in values) else None
