"""Hop 2 with the onnx-tf package: an alternative to `saved_model` with the same outputs.

onnx-tf 1.10.0 (2022, the last release) translates node by node in PyTorch's NCHW layout.  Before
it, the ONNX graph is rewritten to nodes that it translates well; after it,
`export.formats.onnx_tf_rewrites` converts the TensorFlow graph to NHWC, the only layout that
browsers run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.converter.node import UnsupportedNodeError
from export.converter.window import same_padding
from export.formats import shims
from export.formats.saved_model import signature

if TYPE_CHECKING:
    import tensorflow as tf
    from tensorflow.core.framework.graph_pb2 import GraphDef


def available() -> str | None:
    """Why this converter cannot run here, or None if it can."""
    try:
        shims.onnx_tf()
    except ImportError as error:
        return str(error)
    return None


def write_saved_model(model: onnx.ModelProto, directory: Path) -> None:
    """Write the SavedModel with one signature, ``serving_default``.

    Raises UnsupportedNodeError for a graph that onnx-tf cannot translate to a portable one, and
    `shims.MissingPackageError` without the package.
    """
    backend = shims.onnx_tf()
    import tensorflow as tf

    from export.formats import onnx_tf_rewrites

    specs = list(signature(model))
    with _quiet():
        frozen = _translate(backend, _prepared(model))
    outputs = [output.name for output in model.graph.output]
    graph = onnx_tf_rewrites.to_nhwc(frozen, outputs)
    # Transposes of images are slow; one of an embedded token costs nothing.
    images = any(spec.shape.rank == 4 for spec in specs)
    left = {node.op for node in graph.node} & ({"PyFunc", "Transpose"} if images else {"PyFunc"})
    if left:
        raise UnsupportedNodeError(f"onnx-tf leaves {' and '.join(sorted(left))} operations, which "
                                   "are slow or not portable; use the default converter")

    @tf.function(input_signature=specs, autograph=False)
    def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = {spec.name: tensor for spec, tensor in zip(specs, tensors)}
        results = tf.import_graph_def(graph, inputs, [f"{name}:0" for name in outputs], name="")
        return {name: tf.identity(result) for name, result in zip(outputs, results)}

    tf.saved_model.save(tf.Module(), str(directory),
                        signatures={"serving_default": serve.get_concrete_function()})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Restore absl's log level, which onnx-tf raises."""
    from absl import logging

    before = logging.get_verbosity()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _translate(backend: ModuleType, model: onnx.ModelProto) -> GraphDef:
    """The frozen TensorFlow graph, in NCHW: placeholders and results have their ONNX names."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        # 'CUDA' keeps the layout, 'CPU' puts two transposes around every convolution; nothing runs.
        prepared = backend.prepare(model, device="CUDA", logging_level="ERROR")
        call: Any = type(prepared.tf_module).__call__  # a tf.function
        translate = call.python_function

        @tf.function(input_signature=list(signature(model)), autograph=False)
        def run(*tensors: tf.Tensor) -> list[tf.Tensor]:
            results = translate(prepared.tf_module, **dict(zip(prepared.inputs, tensors)))
            return [tf.identity(results[name], name=name) for name in prepared.outputs]

        return convert_variables_to_constants_v2(run.get_concrete_function()).graph.as_graph_def()
    except Exception as error:  # onnx-tf raises any type
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnsupportedNodeError(f"onnx-tf cannot translate this graph: {reason}") from error


def _prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network in operations that onnx-tf translates one to one."""
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    _same_padding(model.graph)
    _average_and_flatten(model.graph)
    _plain_product(model.graph)
    _begin_with_pool(model.graph)
    onnx.checker.check_model(model)
    return model


def _same_padding(graph: onnx.GraphProto) -> None:
    """Mark padding that equals TensorFlow's SAME: from explicit pads, onnx-tf makes a Pad before a
    convolution, and a Python function of an average pool, which no other runtime has.  A strided
    pool becomes a SAME pool with stride 1, subsampled."""
    sizes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim][2:]
             for value in [*graph.value_info, *graph.input]}
    kernels = {init.name: list(init.dims[2:]) for init in graph.initializer}
    for position, node in reversed(list(enumerate(graph.node))):
        if node.op_type not in ("Conv", "MaxPool", "AveragePool"):
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        pads = attributes.get("pads", [0, 0, 0, 0])
        if not any(pads) or attributes.get("count_include_pad") or attributes.get("ceil_mode"):
            continue
        kernel = attributes.get("kernel_shape") or kernels[node.input[1]]
        strides, size = attributes.get("strides", [1, 1]), sizes[node.input[0]]
        dropped = {"pads", "auto_pad"}
        if pads != same_padding(size, kernel, strides, attributes.get("dilations", [1, 1])):
            if node.op_type == "Conv" or pads != [k // 2 for k in kernel if k % 2] * 2:
                continue
            dropped.add("strides")
            result, node.output[0] = node.output[0], f"{node.output[0]}_every"
            graph.node.insert(position + 1, helper.make_node(
                "MaxPool", list(node.output), [result], kernel_shape=[1, 1], strides=strides))
        kept = [a for a in node.attribute if a.name not in dropped]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute("auto_pad", "SAME_UPPER")])


def _average_and_flatten(graph: onnx.GraphProto) -> None:
    """Merge a global average pool and Flatten into one mean: onnx-tf flattens with shape
    arithmetic."""
    for pool in [n for n in graph.node if n.op_type == "GlobalAveragePool"]:
        readers = [n for n in graph.node if pool.output[0] in n.input]
        if [n.op_type for n in readers] != ["Flatten"]:
            continue
        mean = helper.make_node("ReduceMean", [pool.input[0]], [readers[0].output[0]],
                                name=pool.name, axes=[2, 3], keepdims=0)
        graph.node.insert(list(graph.node).index(pool), mean)
        graph.node.remove(pool)
        graph.node.remove(readers[0])


def _plain_product(graph: onnx.GraphProto) -> None:
    """Split Gemm into MatMul and Add: onnx-tf adds checks of its input ranks to the graph."""
    weights = {init.name: init for init in graph.initializer}
    for position, node in reversed(list(enumerate(graph.node))):
        if node.op_type != "Gemm" or node.input[1] not in weights or len(node.input) < 3:
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if attributes.pop("transB", 0) != 1 or set(attributes.values()) - {1.0}:
            continue
        turned = numpy_helper.to_array(weights[node.input[1]]).T
        turned = numpy_helper.from_array(np.ascontiguousarray(turned), f"{node.output[0]}_weight")
        graph.initializer.append(turned)
        product = f"{node.output[0]}_product"
        graph.node.insert(position + 1, helper.make_node(
            "Add", [product, node.input[2]], list(node.output), name=f"{node.name}_bias"))
        graph.node.insert(position + 1, helper.make_node(
            "MatMul", [node.input[0], turned.name], [product], name=node.name))
        graph.node.remove(node)


def _begin_with_pool(graph: onnx.GraphProto) -> None:
    """Put an identity pool after every transpose of an input: TensorFlow changes the layout from
    the first operation with a data format on, so that it includes normalization and padding."""
    inputs = {value.name for value in graph.input}
    for position, node in reversed(list(enumerate(graph.node))):
        if node.op_type == "Transpose" and node.input[0] in inputs:
            result, node.output[0] = node.output[0], f"{node.output[0]}_turned"
            graph.node.insert(position + 1, helper.make_node(
                "MaxPool", list(node.output), [result], kernel_shape=[1, 1]))
