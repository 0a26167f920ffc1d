"""SavedModel to one TFLite file, and its interpreter."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from export.converter.value import as_narrow

if TYPE_CHECKING:
    from export.formats.arrays import Runner


SIGNATURE = "serving_default"


def write(saved_model: Path, path: Path) -> None:
    """Write the float32 TFLite file of a SavedModel, with a batch of 1 where that is open.

    LiteRT.js takes no open one; an interpreter resizes it, see `load`.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(saved_model))
    serve = loaded.signatures[SIGNATURE]
    _, inputs = serve.structured_input_signature
    specs = {name: tf.TensorSpec([size or 1 for size in spec.shape], spec.dtype, name)
             for name, spec in inputs.items()}

    @tf.function(autograph=False)
    def serve_one(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return serve(**tensors)

    module = tf.Module()
    module.serve = serve_one  # what is traced lives only as long as this
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [serve_one.get_concrete_function(**specs)], module)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(converter.convert())


def load(path: Path, threads: int = 1) -> Runner:
    """The file at `path` in TensorFlow's interpreter, which is resized to the batch of its inputs.
    """
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # announces its move to another package
        interpreter = tf.lite.Interpreter(str(path), num_threads=threads)
    runner = interpreter.get_signature_runner(SIGNATURE)
    return lambda inputs: runner(**{name: as_narrow(value) for name, value in inputs.items()})
