"""Reads untrusted ONNX files, and converts them to float32.

Errors are one line each: a truncated or foreign file, a graph with a cycle, weights in files
outside its folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, external_data_helper, helper, numpy_helper

#: The limit of protobuf, and more than a browser loads.
MOST_BYTES = 2**31 - 1

#: Floating-point types converted to float32, the only one that all browser runtimes have.
_OTHER_REALS: dict[int, str] = {TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16",
                                TensorProto.DOUBLE: "float64"}

#: Operator domains of ONNX and of ONNX Runtime.
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc",
            "com.ms.internal.nhwc"}


class OnnxFileError(ValueError):
    """An unusable ONNX file; the message names the file and the fault."""


def read(path: Path) -> onnx.ModelProto:
    """The graph of an ONNX file with its weights, local functions inlined.

    Raises OnnxFileError if the file is not a valid graph, is larger than 2 GB or refers to weights
    outside its folder; FileNotFoundError if it does not exist.
    """
    if path.stat().st_size > MOST_BYTES:
        raise OnnxFileError(f"{path} has {path.stat().st_size / 1e9:.1f} GB; at most 2 GB can be "
                            "exported, already more than a browser loads")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except (DecodeError, ValueError):
        raise OnnxFileError(f"{path}: not an ONNX file, or a truncated one; download or export it "
                            "again") from None
    if not model.graph.node or not model.graph.output:
        raise OnnxFileError(f"{path}: the file has no ONNX graph with nodes and outputs")
    _load_weights(model, path)
    if model.functions:
        from onnx import inliner

        model = inliner.inline_local_functions(model)
    for node in model.graph.node:
        if node.domain not in _DOMAINS:
            raise OnnxFileError(f"{path}: ONNX node {node.name or node.output[0]!r} is "
                                f"{node.op_type} of {node.domain}, an unknown operator domain")
    inputs = true_inputs(model)
    if len(inputs) < len(model.graph.input):  # as before IR 4, where weights were listed as inputs
        kept = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in inputs]
        del model.graph.input[:]
        model.graph.input.extend(kept)
        model.ir_version = max(model.ir_version, 4)
    for value in model.graph.output:  # the checker requires a shape
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = " ".join(str(error).split("\n\n==>")[0].split())
        if "topologically" in reason and (missing := _undefined(model.graph)):
            reason = f"a node reads {missing!r}, which is not defined"
        elif "topologically" in reason:
            reason = "a node reads the output of a later node: the graph has a cycle or is unsorted"
        raise OnnxFileError(f"{path}: not a valid ONNX graph: {reason[:300]}") from None
    return model


def _undefined(graph: onnx.GraphProto) -> str | None:
    """The first undefined name read by a node."""
    defined = {value.name for value in (*graph.input, *graph.initializer)} | {
        init.values.name for init in graph.sparse_initializer} | {
        name for node in graph.node for name in node.output}
    return next((name for node in graph.node for name in node.input
                 if name and name not in defined), None)


def _load_weights(model: onnx.ModelProto, path: Path) -> None:
    """Load the weights stored in external files, which have to be in the folder of the graph."""
    folder = path.parent.resolve()
    files: set[Path] = set()
    for tensor in external_data_helper._get_all_tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        location = next((entry.value for entry in tensor.external_data
                         if entry.key == "location"), "")
        file = (folder / location).resolve()
        if not location or not file.is_relative_to(folder):
            raise OnnxFileError(f"{path}: the weights {tensor.name!r} are in {location!r}, outside "
                                "the folder of the file; they are not read")
        if not file.is_file():
            raise OnnxFileError(f"{path}: the weights {tensor.name!r} are in {location}, which is "
                                "missing; put it next to the file")
        files.add(file)
    total = sum(file.stat().st_size for file in files)
    if total > MOST_BYTES:
        raise OnnxFileError(f"{path} has {total / 1e9:.1f} GB of weights; at most 2 GB can be "
                            "exported")
    if files:
        try:
            external_data_helper.load_external_data_for_model(model, str(folder))
        except (ValueError, OSError, onnx.checker.ValidationError) as error:
            raise OnnxFileError(f"{path}: its weights cannot be read: "
                                f"{' '.join(str(error).split())[:200]}") from None


def in_float32(model: onnx.ModelProto) -> list[str]:
    """Convert other floating-point types to float32 in place; returns their names."""
    converted: set[str] = set()

    def widened(tensor: onnx.TensorProto) -> None:
        if tensor.data_type in _OTHER_REALS:
            converted.add(_OTHER_REALS[tensor.data_type])
            array = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

    def values(graph: onnx.GraphProto) -> None:
        for tensor in graph.initializer:
            widened(tensor)
        for value in (*graph.input, *graph.output, *graph.value_info):
            kind = value.type.tensor_type
            if kind.elem_type in _OTHER_REALS:
                converted.add(_OTHER_REALS[kind.elem_type])
                kind.elem_type = TensorProto.FLOAT
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    widened(attribute.t)
                elif attribute.type == onnx.AttributeProto.GRAPH:
                    values(attribute.g)
                elif node.op_type in ("Cast", "EyeLike", "RandomNormal", "RandomUniform") \
                        and attribute.name in ("to", "dtype") and attribute.i in _OTHER_REALS:
                    attribute.i = TensorProto.FLOAT

    values(model.graph)
    return sorted(converted)


def true_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs without the weights, which old files list among them."""
    weights = {init.name for init in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def sizes(value: onnx.ValueInfoProto) -> list[int | None]:
    """The shape of an input or output; None for an open size."""
    return [dim.dim_value if dim.dim_value > 0 else None
            for dim in value.type.tensor_type.shape.dim]


def set_sizes(value: onnx.ValueInfoProto, shape: list[int | str]) -> None:
    """Set the shape of an input or output; a name stands for an open size."""
    kind = value.type.tensor_type.elem_type
    value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shape))
