"""The interpreter of TFLite, in this process."""

from __future__ import annotations

import warnings
from pathlib import Path

from export.formats.arrays import Runner


def load(place: Path, backend: str, threads: int | None) -> Runner:
    """The TFLite file at `place`; it has one backend, the CPU."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # announces its move to another package
        interpreter = tf.lite.Interpreter(str(place), num_threads=threads or 1)
    runner = interpreter.get_signature_runner("serving_default")
    return lambda inputs: runner(**inputs)
