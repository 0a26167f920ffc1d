"""Exact rewrites of a folded ONNX graph that ONNX Runtime does not make; every source profits.

A rewrite edits the graph in place and returns how many times it applied.  Arithmetic on weights is
done in float64, so that nothing changes but the order of rounding.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

_TAKE_A_SCALE = {"Conv", "ConvTranspose", "Gemm"}


def apply(model: onnx.ModelProto) -> int:
    """Make every rewrite; returns how many were."""
    return fold_batch_norms(model.graph) + drop_dead(model.graph)


def drop_dead(graph: onnx.GraphProto) -> int:
    """Nodes whose outputs nobody reads, and then those that only they read."""
    needed = {output.name for output in graph.output}
    gone = 0
    for node in reversed(list(graph.node)):  # the nodes of an ONNX graph stand in order
        if any(name in needed for name in node.output if name):
            needed.update(node.input)
            needed.update(name for attribute in node.attribute if attribute.HasField("g")
                          for inner in attribute.g.node for name in inner.input)
        else:
            graph.node.remove(node)
            gone += 1
    return gone


def fold_batch_norms(graph: onnx.GraphProto) -> int:
    """BatchNormalization of what only it reads of a convolution, a transposed one or a Gemm: a
    scale of its filters and a bias (Jacob et al. 2018, section 3.2, with the running statistics).
    """
    weights = {init.name: init for init in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, int] = {}
    for name in [name for node in graph.node for name in node.input] + [
            output.name for output in graph.output]:
        readers[name] = readers.get(name, 0) + 1
    done = 0
    for norm in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        maker = makers.get(norm.input[0])
        settings = {each.name: helper.get_attribute_value(each) for each in norm.attribute}
        if maker is None or maker.op_type not in _TAKE_A_SCALE or len(norm.output) != 1 \
                or readers[norm.input[0]] != 1 or settings.get("training_mode") or not all(
                    name in weights for name in (*norm.input[1:], *maker.input[1:]) if name):
            continue
        scale, shift, mean, variance = (numpy_helper.to_array(weights[name]).astype(np.float64)
                                        for name in norm.input[1:5])
        factor = scale / np.sqrt(variance + settings.get("epsilon", 1e-5))
        given = [numpy_helper.to_array(weights[name]).astype(np.float64)
                 for name in maker.input[1:] if name]
        folded = _folded(maker, given, factor, shift - mean * factor)
        if folded is None:
            continue
        for place, value in enumerate(folded, start=1):
            name = f"{norm.output[0]}_{('weight', 'bias')[place - 1]}"
            graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
            del maker.input[place:]
            maker.input.append(name)
        maker.output[0] = norm.output[0]
        makers[norm.output[0]] = maker
        graph.node.remove(norm)
        done += 1
    return done


def _folded(node: onnx.NodeProto, given: list[np.ndarray], factor: np.ndarray, shift: np.ndarray
            ) -> tuple[np.ndarray, np.ndarray] | None:
    """Weight and bias of a node whose output is multiplied and shifted by channel, or None where
    it cannot take them."""
    settings = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    weight, bias = given[0], given[1] if len(given) > 1 else np.zeros(len(factor))
    channels = len(factor)
    if node.op_type == "Conv":
        return (weight * factor.reshape(-1, *[1] * (weight.ndim - 1)), bias * factor + shift)
    if node.op_type == "ConvTranspose":  # filters lie (in, out of a group, ...), group by group
        groups = settings.get("group", 1)
        spread = np.repeat(factor.reshape(groups, 1, -1), len(weight) // groups, axis=1)
        return (weight * spread.reshape(*weight.shape[:2], *[1] * (weight.ndim - 2)),
                bias * factor + shift)
    if bias.size in (1, channels) and bias.shape[:-1] in ((), (1,)):
        bias = settings.get("beta", 1.0) * np.broadcast_to(bias.reshape(-1), channels)
        for attribute in [each for each in node.attribute if each.name == "beta"]:
            node.attribute.remove(attribute)
        rows = weight * (factor[:, None] if settings.get("transB") else factor)
        return rows, bias * factor + shift
    return None
