"""Repairs of a converted TF.js graph model, the parsed ``model.json``.

The tensorflowjs converter leaves some faults that are wrong or slow in a browser; each function
repairs one and does not touch other nodes.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef

Weights = dict[str, np.ndarray]  # the value of every constant by node name

#: Fused operations and their first step.
_UNFUSED = {"_FusedConv2D": "Conv2D", "_FusedMatMul": "MatMul",
            "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}
_MATMUL_ATTRIBUTES = {"T", "transpose_a", "transpose_b"}
_CONV_ATTRIBUTES = {"T", "strides", "padding", "dilations", "data_format", "explicit_paddings"}


def repair(model: dict, weights: Weights, inputs: Collection[str]) -> Weights:
    """Apply all repairs to `model`, whose SavedModel has `inputs`; return the weights in use."""
    topology = model["modelTopology"]
    topology["node"] = split_false_biases(topology["node"], weights)
    topology["node"] = join_dilations(topology["node"], weights)
    topology["node"] = drop_unused_constants(topology["node"])
    model["signature"]["inputs"] = name_inputs(model, inputs)
    model["signature"]["outputs"] = name_outputs(model)
    kept = {node["name"] for node in topology["node"]}
    return {name: value for name, value in weights.items() if name in kept}


def name_inputs(model: dict, names: Collection[str]) -> dict:
    """The signature's inputs under their `names` in the SavedModel.

    The converter tells inputs apart by type and shape; those that share both get the name of their
    placeholder's tensor, which TensorFlow writes in lower case: R becomes r:0.
    """
    lower = {name.lower(): name for name in names}
    return {key if key in names else lower[key.removesuffix(":0")]: entry
            for key, entry in model["signature"]["inputs"].items()}


def name_outputs(model: dict) -> dict:
    """The signature's outputs under their names, in the order of ``structuredOutputKeys``.

    The converter names them Identity:0, Identity_1:0, ... and writes them in any order, while
    TF.js assigns the structured keys by position: logits could be named probabilities.
    """
    keys = model["userDefinedMetadata"]["structuredOutputKeys"]
    by_node = {entry["name"].split(":")[0]: entry
               for entry in model["signature"]["outputs"].values()}
    return {key: by_node[f"Identity_{index}" if index else "Identity"]
            for index, key in enumerate(keys)}


def split_false_biases(nodes: list[dict], weights: Weights) -> list[dict]:
    """Split fused convolutions and products whose "bias" is not a vector, as TF.js requires.

    If a bias is zero, as in an untrained network, Grappler drops it and then mistakes the sum of
    two convolutions, or the 3 of a hard swish, for a bias.
    """
    vectors = {name for name, value in weights.items() if value.ndim == 1}
    kept = []
    for node in nodes:
        if node["op"] not in _UNFUSED or len(node["input"]) < 3 or node["input"][2] in vectors:
            kept.append(node)
            continue
        fused = [base64.b64decode(step).decode() for step in node["attr"]["fused_ops"]["list"]["s"]]
        operations = [_UNFUSED[node["op"]], "AddV2", *fused[1:]]
        own = _MATMUL_ATTRIBUTES if node["op"] == "_FusedMatMul" else _CONV_ATTRIBUTES
        attributes = {key: value for key, value in node["attr"].items() if key in own}
        names = [f"{node['name']}/{operation}" for operation in operations[:-1]] + [node["name"]]
        inputs = [node["input"][:2], [names[0], node["input"][2]], *([name] for name in names[1:])]
        for index, (name, operation, reads) in enumerate(zip(names, operations, inputs)):
            attr = attributes if index == 0 else {"T": attributes["T"]}
            kept.append({"name": name, "op": operation, "input": reads, "attr": attr})
    return kept


def join_dilations(nodes: list[dict], weights: Weights) -> list[dict]:
    """Merge SpaceToBatchND, depthwise convolution, BatchToSpaceND into one dilated convolution.

    TensorFlow uses them as it has no dilated depthwise convolution on a CPU; TF.js has one on
    every backend.
    """
    by_name = {node["name"]: node for node in nodes}
    replaced, removed = {}, set()
    for last in nodes:
        if last["op"] != "BatchToSpaceND":
            continue
        conv = by_name[last["input"][0]]
        first = by_name[conv["input"][0]]
        if conv["op"] != "DepthwiseConv2dNative" or first["op"] != "SpaceToBatchND":
            continue
        block = weights[first["input"][1]].tolist()
        taps = weights[conv["input"][1]].shape[:2]
        added = weights[first["input"][2]][:, 0].tolist()  # above and to the left
        if added != [size * (tap - 1) // 2 for size, tap in zip(block, taps)]:
            continue  # not SAME padding
        attributes = dict(conv["attr"])
        attributes["dilations"] = {"list": {"i": ["1", str(block[0]), str(block[1]), "1"]}}
        attributes["padding"] = {"s": base64.b64encode(b"SAME").decode()}
        attributes.pop("explicit_paddings", None)
        replaced[last["name"]] = {"name": last["name"], "op": conv["op"], "attr": attributes,
                                  "input": [first["input"][0], conv["input"][1]]}
        removed |= {conv["name"], first["name"]}
    return [replaced.get(node["name"], node) for node in nodes if node["name"] not in removed]


def drop_unused_constants(nodes: list[dict]) -> list[dict]:
    read = {name.lstrip("^").split(":")[0] for node in nodes for name in node.get("input", [])}
    return [node for node in nodes if node["op"] != "Const" or node["name"] in read]


# --- back to TensorFlow --------------------------------------------------------------------


def to_tensorflow(node: NodeDef, weights: Weights) -> list[NodeDef]:
    """A node of the stored graph as nodes that TensorFlow runs on a CPU.

    A dilated convolution gets a filter with zeros between the taps, added to `weights`;
    FusedDepthwiseConv2dNative, an operation of TF.js only, is split into its steps.
    """
    if "DepthwiseConv2dNative" in node.op:
        dilation = max(node.attr["dilations"].list.i, default=1)
        if dilation > 1:
            # A separate filter: another node may read the undilated one.
            name = f"{node.name}/spread"
            weights[name] = _spread(weights[node.input[1]], dilation)
            node.input[1] = name
            node.attr["dilations"].list.i[:] = [1, 1, 1, 1]
            filter_node = type(node)(name=name, op="Const", attr={"dtype": node.attr["T"]})
            return [filter_node, *to_tensorflow(node, weights)]
    if node.op != "FusedDepthwiseConv2dNative":
        return [node]
    make = type(node)
    steps = [step.decode() for step in node.attr["fused_ops"].list.s if step != b"NoOp"]
    names = [f"{node.name}/{step}" for step in ["Depthwise", *steps][:-1]] + [node.name]
    kept = {key: item for key, item in node.attr.items() if key in _CONV_ATTRIBUTES}
    nodes = [make(name=names[0], op="DepthwiseConv2dNative", input=node.input[:2], attr=kept)]
    for step, before, name in zip(steps, names, names[1:]):
        extra = [node.input[2]] if step == "BiasAdd" else []
        nodes.append(make(name=name, op=step, input=[before, *extra], attr={"T": node.attr["T"]}))
    return nodes


def _spread(kernel: np.ndarray, dilation: int) -> np.ndarray:
    """A filter (H, W, C, 1) with zeros between the taps, for the same convolution undilated."""
    height, width = (dilation * (size - 1) + 1 for size in kernel.shape[:2])
    spread = np.zeros((height, width, *kernel.shape[2:]), kernel.dtype)
    spread[::dilation, ::dilation] = kernel
    return spread
