"""TensorFlow on a SavedModel, in this process."""

from __future__ import annotations

import os
from pathlib import Path

from export.formats import saved_model
from export.formats.arrays import Runner

#: TensorFlow reads it once, at start.
THREADS = "TF_NUM_INTRAOP_THREADS"


def load(place: Path, backend: str, threads: int | None) -> Runner:
    """The SavedModel at `place`, on the CPU, the only backend.

    Raises ValueError if TensorFlow was not started with that number of threads.
    """
    if threads is not None and os.environ.get(THREADS) != str(threads):
        raise ValueError(f"TensorFlow fixes its number of threads at start; set {THREADS}="
                         f"{threads} in the environment and run the command again")
    return saved_model.load(place)
