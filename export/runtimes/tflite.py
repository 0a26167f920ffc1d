"""The TFLite interpreter, in this process."""

from __future__ import annotations

from pathlib import Path

from export.formats import tflite
from export.formats.arrays import Runner


def load(place: Path, backend: str, threads: int | None) -> Runner:
    """The TFLite file at `place`, on the CPU, the only backend."""
    return tflite.load(place, threads or 1)
