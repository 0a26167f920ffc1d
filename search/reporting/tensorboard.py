"""TensorBoard events of a search run, on top of `zoo.runs.tensorboard`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search.reporting.history import RunRecord
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.serialization import from_dict
from zoo.runs import tensorboard

FOLDER = "tensorboard"
_NAMES = {"train_loss": "loss/train", "valid_loss": "loss/valid",
          "train_accuracy": "accuracy/train", "valid_accuracy": "accuracy/valid",
          "discrete_accuracy": "accuracy/discrete",
          "train_perplexity": "perplexity/train", "valid_perplexity": "perplexity/valid",
          "discrete_perplexity": "perplexity/discrete",
          "discretisation_gap": "search/discretisation_gap",
          "expected_latency": "search/expected_latency",
          "learning_rate": "search/learning_rate"}


class Events(tensorboard.Events):
    """The events in a run's tensorboard/ folder, starting with those of its rows."""

    def __init__(self, run: RunRecord) -> None:
        super().__init__(run.folder / FOLDER, [{**row, "seconds": took}
                                               for row, took in zip(run.rows, run.seconds)])

    def add(self, row: dict[str, Any], seconds: float | None = None) -> None:
        """Write the points of a row of the history, which took `seconds`.

        Raises OSError if the disk is full.
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
