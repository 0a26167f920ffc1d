"""TensorBoard events of a search run, on top of `zoo.training.tensorboard`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from search.reporting.history import SECONDS
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.serialization import from_dict
from zoo.training import tensorboard
from zoo.training.tensorboard import finite

FOLDER = "tensorboard"
_NAMES = {"train_loss": "loss/train", "valid_loss": "loss/valid",
          "train_accuracy": "accuracy/train", "valid_accuracy": "accuracy/valid",
          "discrete_accuracy": "accuracy/discrete",
          "train_perplexity": "perplexity/train", "valid_perplexity": "perplexity/valid",
          "discrete_perplexity": "perplexity/discrete",
          "discretisation_gap": "search/discretisation_gap",
          "learning_rate": "search/learning_rate"}


class Events(tensorboard.Events):
    """The events in `folder`/tensorboard, starting with those of `rows_already`."""

    def __init__(self, folder: Path | str, rows_already: Sequence[dict[str, Any]] = ()) -> None:
        folder = Path(folder)
        seconds = _seconds(folder, len(rows_already))
        super().__init__(folder / FOLDER, [{**row, "seconds": took or None}
                                           for row, took in zip(rows_already, seconds)])

    def add(self, row: dict[str, Any], seconds: float | None = None) -> None:
        """Write the points of a row of the history, which took `seconds`.

        Raises OSError when the disk is full.
        """
        super().add({**row, "seconds": seconds})

    def values(self, row: dict[str, Any]) -> Iterator[tuple[str, object]]:
        """(name, value) of every metric in a row of the history."""
        for key, name in _NAMES.items():
            yield name, row.get(key)
        for unit, value in row["cost"].items():
            yield f"cost/{unit}", value
        for key in ("entropy", "skip_connections"):
            for cell, value in (row.get(key) or {}).items():
                yield f"search/{key}/{cell}", value
        yield "cost/seconds_per_epoch", row["seconds"]

    def genotype(self, row: dict[str, Any]) -> str | None:
        """The genotype of the row as text."""
        try:
            return str(from_dict(row.get("genotype")))
        except GenotypeError:
            return None


def _seconds(folder: Path, epochs: int) -> list[float]:
    """Seconds of epochs 1 to `epochs`, 0 where they are unknown."""
    known: dict[int, float] = {}
    for line in _lines(folder / SECONDS):
        try:
            row = json.loads(line)
            known[row["epoch"]] = finite(row["seconds"]) or 0
        except (ValueError, KeyError, TypeError):
            continue  # incomplete after a kill; times are optional here
    return [known.get(epoch, 0) for epoch in range(1, epochs + 1)]


def _lines(path: Path) -> Iterable[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ()
