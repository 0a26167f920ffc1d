"""Hop 3: SavedModel to TensorFlow.js files, read back into TensorFlow for the parity check.

The tensorflowjs converter runs in this process.  It reports no error for graphs that no browser can
run, so the files are read back here and run in a browser by `zoo verify`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.converter.value import as_narrow
from export.formats import tfjs_repairs
from export.formats.shims import tensorflowjs_converter
from zoo.system import json_text

if TYPE_CHECKING:
    from export.formats.arrays import Arrays, Runner

# One file up to this size: more requests to the same server do not help a browser.
SHARD_BYTES = 64 * 1024 * 1024


def write(saved_model: Path, directory: Path, precision: str, metadata: dict) -> None:
    """Write ``model.json`` and the weight shards; `metadata` goes to ``userDefinedMetadata.zoo``.

    A `precision` below float32 rounds only weights with two or more dimensions: biases and
    constants are small and sensitive.
    """
    tensorflowjs_converter().convert_tf_saved_model(
        str(saved_model), str(directory), signature_def="serving_default",
        saved_model_tags="serve", use_structured_outputs_names=True,
        weight_shard_size_bytes=SHARD_BYTES, metadata={"zoo": metadata},
    )
    model = json.loads((directory / "model.json").read_text())
    weights = tfjs_repairs.repair(model, _read_weights(model, directory), _inputs(saved_model))
    for group in model["weightsManifest"]:
        for shard in group["paths"]:
            (directory / shard).unlink()
    model["weightsManifest"] = _write_weights(weights, directory, precision)
    # Protobuf maps have no order: sorted, the same graph gives the same bytes.  The order of the
    # outputs matters and is kept.
    for part in ("modelTopology", "weightsManifest"):
        model[part] = json.loads(json_text.dumps(model[part], sort_keys=True))
    model["signature"]["inputs"] = dict(sorted(model["signature"]["inputs"].items()))
    (directory / "model.json").write_text(json_text.dumps(model, separators=(",", ":")))


def _inputs(saved_model: Path) -> list[str]:
    """Names of the inputs of a SavedModel."""
    from tensorflow.python.saved_model import loader_impl

    graph = loader_impl.parse_saved_model(str(saved_model)).meta_graphs[0]
    return list(graph.signature_def["serving_default"].inputs)


def _read_weights(model: dict, directory: Path) -> tfjs_repairs.Weights:
    from tensorflowjs.read_weights import read_weights

    entries = read_weights(model["weightsManifest"], str(directory), flatten=True)
    return {entry["name"]: entry["data"] for entry in entries}


def _write_weights(weights: tfjs_repairs.Weights, directory: Path, precision: str
                   ) -> list[dict[str, Any]]:
    from tensorflowjs.write_weights import write_weights

    rounded = [name for name, value in weights.items()
               if value.ndim >= 2 and value.dtype == np.float32]
    return write_weights(
        [[{"name": name, "data": value} for name, value in weights.items()]],
        str(directory), write_manifest=False, shard_size_bytes=SHARD_BYTES,
        quantization_dtype_map={precision: rounded} if precision != "float32" else None)


def describe(directory: Path) -> dict[str, int]:
    """Numbers of nodes (without constants) and of transposes, and bytes of all files."""
    model = json.loads((directory / "model.json").read_text())
    operations = [node["op"] for node in model["modelTopology"]["node"]]
    return {
        "nodes": sum(op not in ("Const", "Placeholder", "Identity", "NoOp") for op in operations),
        "transposes": operations.count("Transpose"),
        "bytes": sum(path.stat().st_size for path in directory.iterdir()),
    }


def load(directory: Path) -> Runner:
    """The files at `directory`, run by TensorFlow."""
    tensorflowjs_converter()  # the package can be imported only with stubs
    import tensorflow as tf
    from google.protobuf.json_format import ParseDict

    model = json.loads((directory / "model.json").read_text())
    weights = _read_weights(model, directory)
    stored = ParseDict(model["modelTopology"], tf.compat.v1.GraphDef())
    graph_def = tf.compat.v1.GraphDef(versions=stored.versions)
    for node in stored.node:
        graph_def.node.extend(tfjs_repairs.to_tensorflow(node, weights))
    for node in graph_def.node:
        if node.name in weights:
            value = tf.make_tensor_proto(weights[node.name], shape=weights[node.name].shape)
            node.attr["value"].tensor.CopyFrom(value)

    signature = model["signature"]
    inputs = {name: entry["name"] for name, entry in signature["inputs"].items()}
    outputs = {name: entry["name"] for name, entry in signature["outputs"].items()}
    function = tf.compat.v1.wrap_function(
        lambda: tf.graph_util.import_graph_def(graph_def, name=""), [])
    tensor = function.graph.as_graph_element
    pruned = function.prune([tensor(name) for name in inputs.values()],
                            [tensor(name) for name in outputs.values()])

    def run(values: Arrays) -> Arrays:
        results = pruned(*(tf.constant(as_narrow(values[name])) for name in inputs))
        return {name: result.numpy() for name, result in zip(outputs, results)}

    return run
