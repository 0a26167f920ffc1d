"""Hop 1: the deployed network as an ONNX graph, run by ONNX Runtime.

It is written by the TorchScript exporter, which supports opset 17, as the onnx-tf package requires,
and takes a quarter of the time of the newer exporter on these networks.
"""

from __future__ import annotations

import warnings
from collections.abc import MutableSequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from export.formats import onnx_int8
from export.network.deploy import Deployed
from export.network.onnx_rewrites import drop_dead
from zoo.system import json_text

if TYPE_CHECKING:
    from export.formats.arrays import Arrays, Runner

OPSET = 17


def write(made: Deployed | onnx.ModelProto, path: Path, metadata: dict,
          calibration: Arrays | None = None) -> onnx.ModelProto:
    """Write the ONNX file of a deployed network, with only the batch dynamic, or of a graph;
    quantized to 8 bits if `calibration`, inputs by name, is given.  Returns the float32 graph.

    `metadata` values go into ``metadata_props`` under ``zoo.<key>``, as JSON unless they are text.
    """
    model = made if isinstance(made, onnx.ModelProto) else _exported(made, path)
    model.producer_name, model.producer_version = "genotype-zoo", ""
    # Properties of the original file are kept, except those of an earlier export.
    properties = {entry.key: entry.value for entry in model.metadata_props
                  if not entry.key.startswith("zoo.")}
    properties |= {f"zoo.{key}": value if isinstance(value, str) else json_text.dumps(value)
                   for key, value in metadata.items()}
    onnx.helper.set_model_props(model, properties)
    onnx.checker.check_model(model)
    stored = onnx_int8.quantized(model, calibration) if calibration else model
    path.write_bytes(stored.SerializeToString(deterministic=True))
    return model


def _exported(deployed: Deployed, path: Path) -> onnx.ModelProto:
    """The graph written to `path` by torch's exporter."""
    names = list(deployed.example)
    axes = {name: {0: "batch"} for name in [*names, *deployed.outputs]}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns of its deprecation at every call
        torch.onnx.export(
            deployed.module, tuple(deployed.example.values()), str(path), dynamo=False,
            opset_version=OPSET, input_names=names, output_names=list(deployed.outputs),
            dynamic_axes=axes, do_constant_folding=True,
        )
    model = onnx.load(str(path))
    _drop_identities(model.graph)
    _merge_padding(model.graph)
    return model


def _constants(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """The value of every name that depends on no input: initializers and constant expressions."""
    values = {init.name: numpy_helper.to_array(init) for init in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" or all(name in values for name in node.input if name):
            inputs = {name: values[name] for name in node.input if name}
            computed = ReferenceEvaluator(node).run(None, inputs)
            assert isinstance(computed, list)  # a dict only with intermediate results
            values.update(zip(node.output, computed))
    return values


def _readers(graph: onnx.GraphProto, name: str) -> list[onnx.NodeProto]:
    return [node for node in graph.node if name in node.input]


def _drop_identities(graph: onnx.GraphProto) -> None:
    """Remove the Identity nodes through which the exporter shares equal initializers."""
    outputs = {output.name for output in graph.output}
    for node in [n for n in graph.node if n.op_type == "Identity" and n.output[0] not in outputs]:
        for reader in _readers(graph, node.output[0]):
            for position, name in enumerate(reader.input):
                if name == node.output[0]:
                    reader.input[position] = node.input[0]
        graph.node.remove(node)


# The padding value of `pads` by operation.
_PADS_WITH = {"Conv": 0.0, "MaxPool": -np.inf, "AveragePool": 0.0}


def _merge_padding(graph: onnx.GraphProto) -> None:
    """Merge a Pad that is read only by convolutions or pools into their `pads`.

    It is a node only because torch has no one-sided padding; onnx-tf cannot convert it.
    """
    constants = _constants(graph)
    for node in [n for n in graph.node if n.op_type == "Pad"]:
        readers = _readers(graph, node.output[0])
        pads = constants[node.input[1]].tolist()
        value = float(constants[node.input[2]]) if len(node.input) > 2 and node.input[2] else 0.0
        if any(_PADS_WITH.get(reader.op_type) != value for reader in readers):
            continue
        for reader in readers:
            own = _ints(reader, "pads", [0, 0, 0, 0])
            own[:] = [a + b for a, b in zip(own, pads[2:4] + pads[6:8])]
            if reader.op_type == "AveragePool":
                _attribute(reader, "count_include_pad", onnx.AttributeProto.INT).i = 1
            reader.input[0] = node.input[0]
        graph.node.remove(node)
    drop_dead(graph)


def _attribute(node: onnx.NodeProto, name: str,
               kind: onnx.AttributeProto.AttributeType) -> onnx.AttributeProto:
    """The attribute `name` of a node, added if missing."""
    existing = next((a for a in node.attribute if a.name == name), None)
    return node.attribute.add(name=name, type=kind) if existing is None else existing


def _ints(node: onnx.NodeProto, name: str, default: list[int]) -> MutableSequence[int]:
    attribute = _attribute(node, name, onnx.AttributeProto.INTS)
    if not attribute.ints:
        attribute.ints.extend(default)
    return attribute.ints


def load(made: Path | onnx.ModelProto, threads: int = 1) -> Runner:
    """A file or graph, run by ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    content = made.SerializeToString() if isinstance(made, onnx.ModelProto) else str(made)
    session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        outputs = cast("list[np.ndarray]", session.run(names, inputs))  # typed as any sequence
        return dict(zip(names, outputs))

    return run
