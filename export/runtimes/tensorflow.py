"""TensorFlow, which runs a SavedModel in this process."""

from __future__ import annotations

import os
from pathlib import Path

from export.formats import saved_model
from export.formats.arrays import Runner

#: TensorFlow reads it when it starts, and changes the number no more.
THREADS = "TF_NUM_INTRAOP_THREADS"


def load(place: Path, backend: str, threads: int | None) -> Runner:
    """The SavedModel at `place`; it has one backend, the CPU.

    Raises ValueError for a number of threads that TensorFlow was not started with.
    """
    if threads is not None and os.environ.get(THREADS) != str(threads):
        raise ValueError(f"TensorFlow is given its threads before it starts; set {THREADS}="
                         f"{threads} in the environment and run it again")
    return saved_model.load(place)
