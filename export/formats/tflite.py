"""SavedModel to a TFLite file, run by its interpreter."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.converter.value import as_narrow
from export.formats import tflite_int8

if TYPE_CHECKING:
    from export.formats.arrays import Arrays, Runner


SIGNATURE = "serving_default"


def write(saved_model: Path, path: Path, calibration: Arrays | None = None) -> None:
    """Write the TFLite file of a SavedModel, in float32 or, with `calibration`, inputs by name, in
    int8.

    LiteRT.js supports neither an open batch, which becomes 1 (`load` resizes it), nor booleans and
    small integers, which become int32.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(saved_model))
    serve = loaded.signatures[SIGNATURE]
    _, inputs = serve.structured_input_signature

    def supported(dtype: tf.DType) -> tf.DType:
        return dtype if dtype in (tf.float32, tf.int32, tf.uint8) else tf.int32

    specs = {name: tf.TensorSpec([size or 1 for size in spec.shape], supported(spec.dtype), name)
             for name, spec in inputs.items()}

    @tf.function(autograph=False)
    def serve_one(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        cast = {name: tf.cast(tensor, inputs[name].dtype) for name, tensor in tensors.items()}
        return {name: tf.cast(output, supported(output.dtype))
                for name, output in serve(**cast).items()}

    traced = serve_one.get_concrete_function(**specs)

    def converter() -> tf.lite.TFLiteConverter:
        return tf.lite.TFLiteConverter.from_concrete_functions([traced], loaded)

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(converter().convert() if calibration is None
                     else tflite_int8.quantized(converter, calibration))


def load(path: Path, threads: int = 1) -> Runner:
    """The file at `path`, run by TensorFlow's interpreter, which is resized to the batch of the
    inputs; a graph with a fixed batch of 1, as in a Reshape, runs them one by one."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notice that it moves to another package
        interpreter = tf.lite.Interpreter(str(path), num_threads=threads)
    runner = interpreter.get_signature_runner(SIGNATURE)
    details = runner.get_input_details()
    batches = {int(each["shape"][0]) for each in details.values() if len(each["shape"])}

    def run(inputs: Arrays) -> Arrays:
        tensors = {name: as_narrow(value).astype(details[name]["dtype"])
                   for name, value in inputs.items()}
        counts = {len(value) for value in tensors.values() if value.ndim}
        try:
            return runner(**tensors)
        except RuntimeError:  # the graph cannot be resized
            if batches != {1} or len(counts) != 1 or counts == {1}:
                raise
        parts = [runner(**{name: value[i:i + 1] for name, value in tensors.items()})
                 for i in range(counts.pop())]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return run
