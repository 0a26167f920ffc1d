"""TensorBoard events of a run, always exactly those of its history.

The history is the truth: whoever opens the events of a run that goes on, or was killed, writes
them anew from its rows, so that no point stands there twice and none is missing.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TENSORBOARD = "tb"  # folder in that of the run
MISSING = ("the package tensorboard is not installed, so this run writes no events; "
           "pip install 'genotype-zoo[search]' adds it")
_absence_said = False
_NAMES = {"train_loss": "loss/train", "valid_loss": "loss/valid",
          "train_accuracy": "accuracy/train", "valid_accuracy": "accuracy/valid",
          "train_perplexity": "perplexity/train", "valid_perplexity": "perplexity/valid",
          "learning_rate": "training/learning_rate"}


class Events:
    """The events in `folder`, beginning with those of `rows`; a row has "epoch" and "seconds".

    Without the package tensorboard it says so once, on stderr, and does nothing.
    """

    def __init__(self, folder: Path, rows: Sequence[dict] = ()) -> None:
        self._writer = _open(folder)
        if self._writer is None:
            return
        # So that the page's relative times are right.
        at = time.time() - sum(_seconds(row) for row in rows)
        for row in rows:
            at += _seconds(row)
            self._write(self._writer, row, at)
        self._writer.flush()

    def add(self, row: dict) -> None:
        """Write the points of a row of the history.  Raises OSError when the disk is full."""
        if self._writer is not None:
            self._write(self._writer, row, time.time())
            self._writer.flush()

    def close(self) -> None:
        """Never raises: what could not be written was said by `add`."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()

    def _write(self, writer: SummaryWriter, row: dict, at: float) -> None:
        for name, value in self.values(row):
            if finite(value) is not None:
                writer.add_scalar(name, value, row["epoch"], walltime=at)
        if text := self.genotype(row):
            # Four spaces make it code in the page, in which * and _ mean themselves.
            writer.add_text("genotype", f"    {text}", row["epoch"], walltime=at)

    def values(self, row: dict) -> Iterator[tuple[str, object]]:
        """(name, value) of what a row says; those that are no numbers are left out."""
        for key, name in _NAMES.items():
            yield name, row.get(key)
        seconds = _seconds(row)
        yield "cost/seconds_per_epoch", seconds or None
        for unit in ("images", "tokens"):
            if seconds and finite(row.get(unit)) is not None:
                yield f"cost/{unit}_per_second", row[unit] / seconds

    def genotype(self, row: dict) -> str | None:
        """The text of the cell that a row has found, in a search."""
        return None


class HistoryEvents:
    """The events of a training in `folder`, opened when its `history` has a new row: before its
    first epoch has ended a run leaves none."""

    def __init__(self, folder: Path, history: Path) -> None:
        self.folder, self.history = folder / TENSORBOARD, history
        self._events: Events | None = None

    def follow(self) -> None:
        """Take in the newest row.  Raises OSError when the disk is full."""
        rows = [json.loads(line) for line in self.history.read_text("utf-8").splitlines()]
        if self._events is None:
            self._events = Events(self.folder, rows)
        else:
            self._events.add(rows[-1])

    def close(self) -> None:
        """The next row that comes opens them anew, with the history as it is then."""
        if self._events is not None:
            self._events.close()
            self._events = None


def finite(value: Any) -> float | None:
    """`value` if it is a number that can be drawn, else None."""
    usable = isinstance(value, (int, float)) and math.isfinite(value)
    return value if usable else None


def _seconds(row: dict) -> float:
    return finite(row.get("seconds")) or 0


def _open(folder: Path) -> SummaryWriter | None:
    """A writer in a folder without older events, or None where the package is missing."""
    global _absence_said
    # With this module in place TensorBoard writes files itself.  Otherwise it would import
    # TensorFlow for that, where it is installed: 600 MB and seconds, in the middle of a run.
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
