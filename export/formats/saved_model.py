"""Hop 2: ONNX to TensorFlow, in NHWC from the first node to the last.

Reads the ONNX graph node by node and writes the TensorFlow operation of each, for exactly the
operations that our networks produce.  Images lie as (batch, H, W, C) all the way: TensorFlow
on a CPU and TF.js know no other layout, and every transpose between the two costs a copy
(a 20-cell DARTS network out of onnx-tf has 490).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper

from export.formats.onnx_node import CONVERTERS, Node, Result

if TYPE_CHECKING:
    import tensorflow as tf

    from export.formats.arrays import Arrays, Runner


def convert(model: onnx.ModelProto) -> Callable[..., dict[str, tf.Tensor]]:
    """A Python function of the graph's inputs, by name, that builds the TensorFlow graph.

    Raises UnsupportedNodeError before any work for the first operation without a converter.
    """
    from export.formats import saved_model_ops  # noqa: F401  (fills the table)

    nodes = [Node(proto) for proto in model.graph.node]
    for node in nodes:
        if node.op_type not in CONVERTERS:
            known = ", ".join(sorted(CONVERTERS))
            raise node.refuse(f"operation {node.op_type} has no converter; there is one for {known}"
                              " (export/formats/saved_model_ops.py)")
    constants = {init.name: numpy_helper.to_array(init) for init in model.graph.initializer}
    # A matrix that is looked up and multiplied by is stored once, not once for each.
    read = {kind: {node.input[place] for node in nodes if node.op_type == kind}
            for kind, place in (("Gather", 0), ("Gemm", 1))}
    tied = read["Gather"] & read["Gemm"] & set(constants)
    outputs = [output.name for output in model.graph.output]

    def run(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        import tensorflow as tf

        stored = {name: tf.constant(constants[name]) for name in tied}
        values: dict[str, Result] = {**constants, **stored, **inputs}
        for node in nodes:
            result = CONVERTERS[node.op_type](node, [values[name] for name in node.input if name])
            results = result if isinstance(result, list) else [result]
            values.update(zip(node.output, results))
        # An identity gives each output a node of its own name.
        return {name: tf.identity(values[name], name=name) for name in outputs}

    return run


def signature(model: onnx.ModelProto) -> Iterator[tf.TensorSpec]:
    """The TensorSpec of every input; the batch is open."""
    import tensorflow as tf

    for value in model.graph.input:
        kind = value.type.tensor_type
        shape = [dim.dim_value or None for dim in kind.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        yield tf.TensorSpec(shape, tf.as_dtype(np.dtype(dtype)), name=value.name)


def write_saved_model(model: onnx.ModelProto, directory: Path) -> None:
    """Write the SavedModel with one signature, ``serving_default``."""
    import tensorflow as tf

    names = [value.name for value in model.graph.input]
    run = convert(model)

    @tf.function(input_signature=list(signature(model)), autograph=False)
    def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return run(**dict(zip(names, tensors)))

    tf.saved_model.save(tf.Module(), str(directory),
                        signatures={"serving_default": serve.get_concrete_function()})


def load(directory: Path) -> Runner:
    """The SavedModel at `directory`, run by TensorFlow."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(directory))
    serve = loaded.signatures["serving_default"]

    def run(inputs: Arrays) -> Arrays:
        outputs = serve(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    run.loaded = loaded  # the signature lives only as long as what it was loaded from
    return run
