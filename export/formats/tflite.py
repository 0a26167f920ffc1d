"""SavedModel to one TFLite file, and its interpreter."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from export.converter.value import as_narrow

if TYPE_CHECKING:
    from export.formats.arrays import Runner


def write(saved_model: Path, path: Path) -> None:
    """Write the float32 TFLite file of a SavedModel; the batch stays open."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(converter.convert())


def load(path: Path, threads: int = 1) -> Runner:
    """The file at `path` in TensorFlow's interpreter."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # announces its move to another package
        interpreter = tf.lite.Interpreter(str(path), num_threads=threads)
    runner = interpreter.get_signature_runner("serving_default")
    return lambda inputs: runner(**{name: as_narrow(value) for name, value in inputs.items()})
