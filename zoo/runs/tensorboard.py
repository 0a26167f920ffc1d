"""TensorBoard events of a run, always consistent with its history.

Resuming a run rewrites its events from the rows of the history, so no point is duplicated or
missing.
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

TENSORBOARD = "tb"  # in the run folder
MISSING = ("the package tensorboard is not installed, so this run writes no events; "
           "pip install 'genotype-zoo[search]' adds it")
_warned = False
_NAMES = {"train_loss": "loss/train", "valid_loss": "loss/valid",
          "train_accuracy": "accuracy/train", "valid_accuracy": "accuracy/valid",
          "train_perplexity": "perplexity/train", "valid_perplexity": "perplexity/valid",
          "learning_rate": "training/learning_rate"}


class Events:
    """The events in `folder`, starting with those of `rows`; a row has "epoch" and "seconds".

    Without the package tensorboard, prints a message to stderr once and writes nothing.
    """

    def __init__(self, folder: Path, rows: Sequence[dict] = ()) -> None:
        self._writer = _open(folder)
        if self._writer is None:
            return
        # Keeps the relative times of TensorBoard correct.
        at = time.time() - sum(_seconds(row) for row in rows)
        for row in rows:
            at += _seconds(row)
            self._write(self._writer, row, at)
        self._writer.flush()

    def add(self, row: dict) -> None:
        """Write the points of a history row.  Raises OSError if the disk is full."""
        if self._writer is not None:
            self._write(self._writer, row, time.time())
            self._writer.flush()

    def close(self) -> None:
        """Close the file; never raises, since `add` has already reported write errors."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()

    def _write(self, writer: SummaryWriter, row: dict, at: float) -> None:
        for name, value in self.values(row):
            if finite(value) is not None:
                writer.add_scalar(name, value, row["epoch"], walltime=at)
        if text := self.genotype(row):
            # In Markdown, four spaces make it code, in which * and _ are literal.
            writer.add_text("genotype", f"    {text}", row["epoch"], walltime=at)

    def values(self, row: dict) -> Iterator[tuple[str, object]]:
        """(name, value) pairs of a row; values that are not finite numbers are skipped."""
        for key, name in _NAMES.items():
            yield name, row.get(key)
        seconds = _seconds(row)
        yield "cost/seconds_per_epoch", seconds or None
        for unit in ("images", "tokens"):
            if seconds and finite(row.get(unit)) is not None:
                yield f"cost/{unit}_per_second", row[unit] / seconds

    def genotype(self, row: dict) -> str | None:
        """The cell of a row, as text, in a search."""
        return None


class HistoryEvents:
    """The events of a training in `folder`, created with the first new row of its `history`."""

    def __init__(self, folder: Path, history: Path) -> None:
        self.folder, self.history = folder / TENSORBOARD, history
        self._events: Events | None = None

    def follow(self) -> None:
        """Write the newest row.  Raises OSError if the disk is full."""
        rows = [json.loads(line) for line in self.history.read_text("utf-8").splitlines()]
        if self._events is None:
            self._events = Events(self.folder, rows)
        else:
            self._events.add(rows[-1])

    def close(self) -> None:
        """Close the events; the next row rewrites them from the history."""
        if self._events is not None:
            self._events.close()
            self._events = None


def finite(value: Any) -> float | None:
    """`value` if it is a finite number, else None."""
    usable = isinstance(value, (int, float)) and math.isfinite(value)
    return value if usable else None


def _seconds(row: dict) -> float:
    return finite(row.get("seconds")) or 0


def _open(folder: Path) -> SummaryWriter | None:
    """A writer in a folder whose old events are removed; None if the package is missing."""
    global _warned
    # With this module TensorBoard writes files itself.  Otherwise it imports TensorFlow if that
    # is installed: 600 MB and seconds in the middle of a run.
    name = "tensorboard.compat.notf"
    sys.modules.setdefault(name, types.ModuleType(name))
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        if not _warned:
            print(MISSING, file=sys.stderr)
            _warned = True
        return None
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    # purge_step makes a TensorBoard that has the old file open discard its points.
    return SummaryWriter(str(folder), purge_step=0)
