"""Exact rewrites of a folded ONNX graph that ONNX Runtime does not make, for every source.

A rewrite edits the graph in place and returns how many times it applied.  Arithmetic on weights is
done in float64, so that only the order of rounding changes.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.network.onnx_control_flow import reads

_SCALABLE = {"Conv", "ConvTranspose", "Gemm"}


def apply(model: onnx.ModelProto) -> int:
    """Apply every rewrite; returns how many times they applied."""
    return fold_batch_norms(model.graph) + drop_dead(model.graph)


def drop_dead(graph: onnx.GraphProto) -> int:
    """Remove nodes that contribute to no output of the graph."""
    needed = {output.name for output in graph.output}
    removed = 0
    for node in reversed(list(graph.node)):  # ONNX graphs are topologically sorted
        if any(name in needed for name in node.output if name):
            needed.update(reads(node))
        else:
            graph.node.remove(node)
            removed += 1
    return removed


def fold_batch_norms(graph: onnx.GraphProto) -> int:
    """Fold a BatchNormalization that is the only reader of a Conv, ConvTranspose or Gemm into its
    weights (Jacob et al. 2018, section 3.2, with the running statistics)."""
    weights = {init.name: init for init in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, int] = {}
    for name in [name for node in graph.node for name in reads(node)] + [
            output.name for output in graph.output]:
        readers[name] = readers.get(name, 0) + 1
    folded = 0
    for norm in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        producer = producers.get(norm.input[0])
        settings = {each.name: helper.get_attribute_value(each) for each in norm.attribute}
        if producer is None or producer.op_type not in _SCALABLE or len(norm.output) != 1 \
                or readers[norm.input[0]] != 1 or settings.get("training_mode") or not all(
                    name in weights for name in (*norm.input[1:], *producer.input[1:]) if name):
            continue
        scale, shift, mean, variance = (numpy_helper.to_array(weights[name]).astype(np.float64)
                                        for name in norm.input[1:5])
        factor = scale / np.sqrt(variance + settings.get("epsilon", 1e-5))
        arrays = [numpy_helper.to_array(weights[name]).astype(np.float64)
                  for name in producer.input[1:] if name]
        scaled = _scaled(producer, arrays, factor, shift - mean * factor)
        if scaled is None:
            continue
        for index, value in enumerate(scaled, start=1):
            name = f"{norm.output[0]}_{('weight', 'bias')[index - 1]}"
            graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
            del producer.input[index:]
            producer.input.append(name)
        producer.output[0] = norm.output[0]
        producers[norm.output[0]] = producer
        graph.node.remove(norm)
        folded += 1
    return folded


def _scaled(node: onnx.NodeProto, arrays: list[np.ndarray], factor: np.ndarray, shift: np.ndarray
            ) -> tuple[np.ndarray, np.ndarray] | None:
    """Weight and bias of a node with its output scaled and shifted per channel, or None if they
    cannot express it."""
    settings = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    weight, bias = arrays[0], arrays[1] if len(arrays) > 1 else np.zeros(len(factor))
    channels = len(factor)
    if node.op_type == "Conv":
        return (weight * factor.reshape(-1, *[1] * (weight.ndim - 1)), bias * factor + shift)
    if node.op_type == "ConvTranspose":  # filters are (in, out of a group, ...), group by group
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
