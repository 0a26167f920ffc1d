"""TensorBoard events of a search run, always exactly those of its history.

The history is the truth: whoever opens the events of a run that goes on, or was killed, writes
them anew from its rows, so that no point stands there twice and none is missing.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from search.history import SECONDS, finite
from zoo.genotype import GenotypeError, from_dict

FOLDER = "tensorboard"
MISSING = ("the package tensorboard is not installed, so this run writes no events; "
           "pip install 'genotype-zoo[search]' adds it")
_absence_said = False


class Events:
    """The events in `folder`/tensorboard, beginning with those of `rows_already`.

    Without the package tensorboard it says so once, on stderr, and does nothing.
    """

    def __init__(self, folder: Path | str, rows_already: Sequence[dict] = ()):
        folder = Path(folder)
        self._writer = _open(folder / FOLDER)
        if self._writer is None:
            return
        seconds = _seconds(folder, len(rows_already))
        at = time.time() - sum(seconds)  # so that the page's relative times are right
        for row, took in zip(rows_already, seconds):
            at += took
            self._write(row, took or None, at)
        self._writer.flush()

    def add(self, row: dict, seconds: float | None = None) -> None:
        """Write the points of a row of the history, which took `seconds`.

        Raises OSError when the disk is full.
        """
        if self._writer is not None:
            self._write(row, seconds, time.time())
            self._writer.flush()

    def close(self) -> None:
        """Never raises: what could not be written was said by `add`."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()

    def _write(self, row: dict, seconds: float | None, at: float) -> None:
        for name, value in scalars(row):
            self._writer.add_scalar(name, value, row["epoch"], walltime=at)
        if seconds is not None:
            self._writer.add_scalar("cost/seconds_per_epoch", seconds, row["epoch"], walltime=at)
        try:
            text = str(from_dict(row.get("genotype")))
        except GenotypeError:
            return
        # Four spaces make it code in the page, in which * and _ mean themselves.
        self._writer.add_text("genotype", f"    {text}", row["epoch"], walltime=at)


def scalars(row: dict) -> Iterator[tuple[str, float]]:
    """(name, value) of all that a row of the history counts or measures."""
    groups = {"train_loss": "loss/train", "valid_loss": "loss/valid",
              "train_accuracy": "accuracy/train", "valid_accuracy": "accuracy/valid",
              "discrete_accuracy": "accuracy/discrete",
              "train_perplexity": "perplexity/train", "valid_perplexity": "perplexity/valid",
              "discrete_perplexity": "perplexity/discrete",
              "discretisation_gap": "search/discretisation_gap",
              "learning_rate": "search/learning_rate"}
    pairs: list[tuple[str, object]] = [(name, row.get(key)) for key, name in groups.items()]
    pairs += [(f"cost/{unit}", value) for unit, value in row["cost"].items()]
    for key in ("entropy", "skip_connections"):
        pairs += [(f"search/{key}/{cell}", value) for cell, value in (row.get(key) or {}).items()]
    for name, value in pairs:
        if finite(value) is not None:
            yield name, value


def _open(folder: Path):
    """A writer in a folder without older events, or None where the package is missing."""
    global _absence_said
    # With this module in place TensorBoard writes files itself.  Otherwise it would import
    # TensorFlow for that, where it is installed: 600 MB and seconds, in the middle of a search.
    name = "tensorboard.compat.notf"
    sys.modules.setdefault(name, types.ModuleType(name))
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        if not _absence_said:
            print(MISSING, file=sys.stderr)
            _absence_said = True
        return None
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    # A TensorBoard that has the old file open forgets its points at the first step of the new.
    return SummaryWriter(str(folder), purge_step=0)


def _seconds(folder: Path, epochs: int) -> list[float]:
    """Seconds of epochs 1 to `epochs`, 0 where they are not known."""
    known: dict[int, float] = {}
    for line in _lines(folder / SECONDS):
        try:
            row = json.loads(line)
            known[row["epoch"]] = finite(row["seconds"]) or 0
        except (ValueError, KeyError, TypeError):
            continue  # cut short by a kill; times are a nicety here
    return [known.get(epoch, 0) for epoch in range(1, epochs + 1)]


def _lines(path: Path) -> Iterable[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ()
