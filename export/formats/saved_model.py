"""Hop 2: ONNX to TensorFlow, by `export.converter`.

Images stay (batch, H, W, C) throughout: TensorFlow on a CPU and TF.js support no other layout, and
every transpose costs a copy (onnx-tf leaves 490 in a 20-cell DARTS network).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from export.converter.graph import convert
from export.converter.value import as_narrow, narrow

if TYPE_CHECKING:
    import tensorflow as tf

    from export.formats.arrays import Arrays, Runner


def signature(model: onnx.ModelProto) -> Iterator[tf.TensorSpec]:
    """The TensorSpec of every input; symbolic sizes are open."""
    import tensorflow as tf

    for value in model.graph.input:
        kind = value.type.tensor_type
        shape = [dim.dim_value or None for dim in kind.shape.dim]
        dtype = narrow(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)))
        yield tf.TensorSpec(shape, tf.as_dtype(dtype), name=value.name)


def traced(model: onnx.ModelProto) -> Any:
    """The graph as a concrete function of TensorFlow.  Raises as
    `export.converter.graph.convert` does."""
    import tensorflow as tf

    names = [value.name for value in model.graph.input]
    run = convert(model)

    @tf.function(input_signature=list(signature(model)), autograph=False)
    def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return run(**dict(zip(names, tensors)))

    return serve.get_concrete_function()


def write_saved_model(model: onnx.ModelProto, directory: Path) -> None:
    """Write the SavedModel with one signature, ``serving_default``."""
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(directory), signatures={"serving_default": traced(model)})


def load(directory: Path) -> Runner:
    """The SavedModel at `directory`, run by TensorFlow."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(directory))
    serve = loaded.signatures["serving_default"]

    def run(inputs: Arrays) -> Arrays:
        outputs = serve(**{name: tf.constant(as_narrow(value)) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    run.loaded = loaded  # keeps the variables of the signature alive
    return run
