"""ONNX Runtime, in this process."""

from __future__ import annotations

from pathlib import Path

from export.formats import onnx
from export.formats.arrays import Runner


def load(place: Path, backend: str, threads: int | None) -> Runner:
    """The ONNX file at `place`, on the CPU, the only backend."""
    return onnx.load(place, threads or 1)
