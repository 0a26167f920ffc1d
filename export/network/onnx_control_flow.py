"""If, Loop and Scan that depend on no input: run once, and replaced by what they give.

ONNX Runtime folds an If whose condition is constant, and no other node that has a graph inside.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

_KINDS = ("If", "Loop", "Scan")


def fold(model: onnx.ModelProto) -> int:
    """Replace control flow over constants, in place; returns how many nodes are gone.

    Nodes are left as they are where ONNX Runtime cannot run them.
    """
    graph, done = model.graph, 0
    constants = {init.name: init for init in graph.initializer}
    for node in [node for node in graph.node if node.op_type in _KINDS]:
        read = {*node.input, *_captured(node)} - {""}
        if not read <= set(constants):
            continue
        values = _run(model, node, [constants[name] for name in sorted(read)])
        if values is None:
            continue
        for name, value in values.items():
            constants[name] = numpy_helper.from_array(value, name)
            graph.initializer.append(constants[name])
        graph.node.remove(node)
        done += 1
    return done


def _captured(node: onnx.NodeProto) -> Iterator[str]:
    """Names from outside that the graphs of a node read."""
    for attribute in node.attribute:
        if attribute.type != onnx.AttributeProto.GRAPH:
            continue
        inner = attribute.g
        own = {value.name for value in (*inner.input, *inner.initializer)}
        own.update(name for each in inner.node for name in each.output)
        for each in inner.node:
            yield from {*each.input, *_captured(each)} - own
        yield from {value.name for value in inner.output} - own


def _run(model: onnx.ModelProto, node: onnx.NodeProto, given: list[onnx.TensorProto]
         ) -> dict[str, np.ndarray] | None:
    from export.network.onnx_samples import session

    names = [name for name in node.output if name]
    alone = helper.make_graph([node], "constant", [], [onnx.ValueInfoProto(name=name)
                                                       for name in names], given)
    made = helper.make_model(alone, opset_imports=list(model.opset_import))
    made.ir_version = model.ir_version
    try:
        found = session(made).run(None, {})
    except Exception:  # refused by its name later
        return None
    return {name: value for name, value in zip(names, found) if isinstance(value, np.ndarray)} \
        if all(isinstance(value, np.ndarray) for value in found) else None
