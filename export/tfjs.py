"""Hop 3: SavedModel to TensorFlow.js files, and those very files read back into TensorFlow.

The converter of the tensorflowjs package does the work, in this process.  It exits without an
error for graphs that no browser can run, so what counts is reading back (here) and running in
a browser (`zoo verify`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from export.shims import tensorflowjs_converter

PRECISIONS = ("float32", "float16", "uint8")

# One file up to here: a browser gains nothing from more requests to the same server.
SHARD_BYTES = 64 * 1024 * 1024


def write(saved_model: Path, directory: Path, precision: str, metadata: dict) -> None:
    """Write ``model.json`` and the weight shards; `metadata` goes to ``userDefinedMetadata.zoo``.

    With a lower `precision` only what has two or more dimensions is rounded: biases and
    constants are few and sensitive.
    """
    converter = tensorflowjs_converter()
    converter.convert_tf_saved_model(
        str(saved_model), str(directory), signature_def="serving_default",
        saved_model_tags="serve", use_structured_outputs_names=True,
        weight_shard_size_bytes=SHARD_BYTES, metadata={"zoo": metadata},
    )
    model = json.loads((directory / "model.json").read_text())
    if precision != "float32":
        model["weightsManifest"] = _requantise(model["weightsManifest"], directory, precision)
    model["signature"]["outputs"] = _named_outputs(model)
    model["modelTopology"]["node"] = _without_false_biases(model["modelTopology"]["node"])
    (directory / "model.json").write_text(json.dumps(model, separators=(",", ":")))


def _named_outputs(model: dict) -> dict:
    """The signature's outputs under their names, in the order of ``structuredOutputKeys``.

    The converter calls them Identity:0, Identity_1:0, ... and writes them in any order, while
    TF.js gives them the structured keys by position: logits would be called probabilities.
    """
    keys = model["userDefinedMetadata"]["structuredOutputKeys"]
    by_node = {entry["name"].split(":")[0]: entry
               for entry in model["signature"]["outputs"].values()}
    return {key: by_node[f"Identity_{index}" if index else "Identity"]
            for index, key in enumerate(keys)}


def _without_false_biases(nodes: list[dict]) -> list[dict]:
    """Fused convolutions whose "bias" is an image, as a convolution and an addition again.

    Where a bias is zero, as in an untrained network, Grappler drops it and then takes the sum
    of two convolutions for a bias; TF.js accepts only vectors there.
    """
    constants = {node["name"] for node in nodes if node["op"] == "Const"}
    kept = []
    for node in nodes:
        is_fused = node["op"] == "_FusedConv2D"
        if not is_fused or node["input"][2] in constants:
            kept.append(node)
            continue
        fused = [base64.b64decode(step).decode() for step in node["attr"]["fused_ops"]["list"]["s"]]
        operations = ["Conv2D", "AddV2", *fused[1:]]
        attributes = {key: value for key, value in node["attr"].items() if key in _CONV_ATTRIBUTES}
        names = [f"{node['name']}/{operation}" for operation in operations[:-1]] + [node["name"]]
        inputs = [node["input"][:2], [names[0], node["input"][2]], *([name] for name in names[1:])]
        for name, operation, reads in zip(names, operations, inputs):
            attr = attributes if operation == "Conv2D" else {"T": attributes["T"]}
            kept.append({"name": name, "op": operation, "input": reads, "attr": attr})
    return kept


_CONV_ATTRIBUTES = {"T", "strides", "padding", "dilations", "data_format", "explicit_paddings"}


def _requantise(manifest: list, directory: Path, precision: str) -> list:
    from tensorflowjs.read_weights import read_weights
    from tensorflowjs.write_weights import write_weights

    groups = read_weights(manifest, str(directory))
    names = [entry["name"] for group in groups for entry in group
             if entry["data"].ndim >= 2 and entry["data"].dtype == np.float32]
    for group in manifest:
        for shard in group["paths"]:
            (directory / shard).unlink()
    return write_weights(groups, str(directory), write_manifest=False,
                         quantization_dtype_map={precision: names},
                         shard_size_bytes=SHARD_BYTES)


def describe(directory: Path) -> dict[str, int]:
    """Nodes that run (no constants), transposes among them, and bytes of all files."""
    model = json.loads((directory / "model.json").read_text())
    operations = [node["op"] for node in model["modelTopology"]["node"]]
    return {
        "nodes": sum(op not in ("Const", "Placeholder", "Identity", "NoOp") for op in operations),
        "transposes": operations.count("Transpose"),
        "bytes": sum(path.stat().st_size for path in directory.iterdir()),
    }


def load(directory: Path) -> Callable[[dict], dict]:
    """The files at `directory`, run by TensorFlow: ``run(inputs: dict) -> dict`` of arrays."""
    import tensorflow as tf
    from google.protobuf.json_format import ParseDict
    from tensorflowjs.read_weights import read_weights

    model = json.loads((directory / "model.json").read_text())
    groups = read_weights(model["weightsManifest"], str(directory), flatten=True)
    weights = {entry["name"]: entry["data"] for entry in groups}
    stored = ParseDict(model["modelTopology"], tf.compat.v1.GraphDef())
    graph_def = tf.compat.v1.GraphDef(versions=stored.versions)
    for node in stored.node:
        if node.name in weights:
            value = tf.make_tensor_proto(weights[node.name], shape=weights[node.name].shape)
            node.attr["value"].tensor.CopyFrom(value)
        for part in _unfused(node):
            graph_def.node.add().CopyFrom(part)

    signature = model["signature"]
    inputs = {name: entry["name"] for name, entry in signature["inputs"].items()}
    outputs = {name: entry["name"] for name, entry in signature["outputs"].items()}

    def imported():
        tf.graph_util.import_graph_def(graph_def, name="")

    graph = tf.compat.v1.wrap_function(imported, []).graph
    pruned = tf.compat.v1.wrap_function(imported, []).prune(
        [graph.as_graph_element(name).name for name in inputs.values()],
        [graph.as_graph_element(name).name for name in outputs.values()],
    )

    def run(values: dict) -> dict:
        results = pruned(*(tf.constant(values[name]) for name in inputs))
        return {name: result.numpy() for name, result in zip(outputs, results)}

    return run


def _unfused(node):
    """TF.js's FusedDepthwiseConv2dNative, which TensorFlow has not, as the nodes it was made of."""
    if node.op != "FusedDepthwiseConv2dNative":
        yield node
        return
    import tensorflow as tf

    steps = [step.decode() for step in node.attr["fused_ops"].list.s if step != b"NoOp"]
    names = [f"{node.name}/{step}" for step in ["Depthwise", *steps][:-1]] + [node.name]
    value = names[0]
    yield tf.compat.v1.NodeDef(
        name=value, op="DepthwiseConv2dNative", input=node.input[:2],
        attr={key: item for key, item in node.attr.items() if key in _CONV_ATTRIBUTES})
    for step, name in zip(steps, names[1:]):
        extra = [node.input[2]] if step == "BiasAdd" else []
        yield tf.compat.v1.NodeDef(name=name, op=step, input=[value, *extra],
                                   attr={"T": node.attr["T"]})
        value = name
