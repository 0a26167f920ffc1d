"""An ONNX file that somebody else wrote: read with suspicion, in float32.

Errors are one line each: a file that is cut off or is none, a graph with a cycle, weights in
files elsewhere, sizes that nobody said.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, external_data_helper, helper, numpy_helper

#: Protobuf cannot hold more, and no browser either.
MOST_BYTES = 2**31 - 1

#: Real numbers of other sizes are computed in float32: no runtime in a browser has others.
_OTHER_REALS: dict[int, str] = {TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16",
                TensorProto.DOUBLE: "float64"}


#: ONNX's own, and those that ONNX Runtime knows.
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc",
            "com.ms.internal.nhwc"}


class OnnxFileError(ValueError):
    """A file that is no usable ONNX graph; names the file and what is wrong."""


def read(path: Path) -> onnx.ModelProto:
    """The graph of an ONNX file, with its weights and without functions of its own.

    Raises OnnxFileError when it cannot be read, is no valid graph, is larger than 2 GB, or
    names weights outside its folder; FileNotFoundError when it is not there.
    """
    if path.stat().st_size > MOST_BYTES:
        raise OnnxFileError(f"{path}: {path.stat().st_size / 1e9:.1f} GB; up to 2 GB are exported, "
                            "which is more than a browser takes")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except (DecodeError, ValueError):
        raise OnnxFileError(f"{path}: not an ONNX file, or one that is cut off; fetch or export "
                            "it again") from None
    if not model.graph.node or not model.graph.output:
        raise OnnxFileError(f"{path}: the file holds no ONNX graph with nodes and outputs")
    _load_weights(model, path)
    if model.functions:
        from onnx import inliner

        model = inliner.inline_local_functions(model)
    for node in model.graph.node:
        if node.domain not in _DOMAINS:
            raise OnnxFileError(f"{path}: ONNX node {node.name or node.output[0]!r} is "
                                f"{node.op_type} of {node.domain}, whose operations are not known")
    inputs = true_inputs(model)
    if len(inputs) < len(model.graph.input):  # as before IR 4; now it would mean a default value
        kept = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in inputs]
        del model.graph.input[:]
        model.graph.input.extend(kept)
        model.ir_version = max(model.ir_version, 4)
    for value in model.graph.output:  # the checker wants a shape, though nobody needs it
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = " ".join(str(error).split("\n\n==>")[0].split())
        if "topologically" in reason and (lost := _unmade(model.graph)):
            reason = f"a node reads {lost!r}, which nothing makes"
        elif "topologically" in reason:
            reason = "a node reads what is made after it: the graph has a cycle, or is not in order"
        raise OnnxFileError(f"{path}: no valid ONNX graph: {reason[:300]}") from None
    return model


def _unmade(graph: onnx.GraphProto) -> str | None:
    """The first name that a node reads and nothing makes."""
    made = {value.name for value in (*graph.input, *graph.initializer)} | {
        init.values.name for init in graph.sparse_initializer} | {
        name for node in graph.node for name in node.output}
    return next((name for node in graph.node for name in node.input if name and name not in made),
                None)


def _load_weights(model: onnx.ModelProto, path: Path) -> None:
    """The weights that lie in other files, which have to be in the folder of the graph."""
    folder, total = path.parent.resolve(), 0
    for tensor in external_data_helper._get_all_tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        location = next((entry.value for entry in tensor.external_data
                         if entry.key == "location"), "")
        place = (folder / location).resolve()
        if not location or not place.is_relative_to(folder):
            raise OnnxFileError(f"{path}: the weights {tensor.name!r} lie in {location!r}, outside "
                                "the folder of the file; nothing is read from there")
        if not place.is_file():
            raise OnnxFileError(f"{path}: the weights {tensor.name!r} lie in {location}, which is "
                                "not there; put it beside the file")
        total = max(total, place.stat().st_size)
    if total > MOST_BYTES:
        raise OnnxFileError(f"{path}: {total / 1e9:.1f} GB of weights; up to 2 GB are exported")
    if total:
        try:
            external_data_helper.load_external_data_for_model(model, str(folder))
        except (ValueError, OSError, onnx.checker.ValidationError) as error:
            raise OnnxFileError(f"{path}: its weights cannot be read: "
                                f"{' '.join(str(error).split())[:200]}") from None


def in_float32(model: onnx.ModelProto) -> list[str]:
    """Turn all other real numbers of a graph into float32, in place; returns what they were."""
    found: set[str] = set()

    def widened(tensor: onnx.TensorProto) -> None:
        if tensor.data_type in _OTHER_REALS:
            found.add(_OTHER_REALS[tensor.data_type])
            array = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

    def values(graph: onnx.GraphProto) -> None:
        for tensor in graph.initializer:
            widened(tensor)
        for value in (*graph.input, *graph.output, *graph.value_info):
            kind = value.type.tensor_type
            if kind.elem_type in _OTHER_REALS:
                found.add(_OTHER_REALS[kind.elem_type])
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
    return sorted(found)


def true_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that somebody has to give: old files list the weights among them."""
    weights = {init.name for init in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def sizes(value: onnx.ValueInfoProto) -> list[int | None]:
    """The shape of an input or output; None where it is open."""
    return [dim.dim_value if dim.dim_value > 0 else None
            for dim in value.type.tensor_type.shape.dim]


def set_sizes(value: onnx.ValueInfoProto, shape: list[int | str]) -> None:
    """Give an input or output a shape; a name stands for a size that is open."""
    kind = value.type.tensor_type.elem_type
    value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shape))
