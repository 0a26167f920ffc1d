"""Reads the folder of a search run, finished or not.

The last line of a history may be incomplete, in a run that is still writing or was killed; it is
skipped.  Reads no checkpoint and needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.limits.limit import objectives
from zoo.messages.command_line import command
from zoo.runs.tensorboard import finite

CONFIG, HISTORY, SECONDS, RESULT = "config.json", "history.jsonl", "seconds.jsonl", "result.json"
TRAINED = "trained/manifest.json"  # `zoo train NAME -o RUN/trained` writes it

#: Suffixes of numeric fields.
_NUMBERS = ("loss", "accuracy", "perplexity", "gap", "learning_rate", "latency")


class HistoryError(ValueError):
    """A folder with no search run or a damaged one; the message names the file."""


@dataclass(frozen=True)
class RunRecord:
    """One run: its settings, one row per epoch as in history.jsonl, the seconds of each row.

    `seconds` holds None for an unknown duration; `result` is None until the run is finished;
    `trained` holds the metrics of the found cell trained from scratch, or None.
    """

    folder: Path
    config: dict[str, Any]
    rows: tuple[dict[str, Any], ...]
    seconds: tuple[float | None, ...]
    result: dict[str, Any] | None = None
    trained: dict[str, Any] | None = None

    @property
    def strategy(self) -> str:
        """The name of the strategy, with its order: 'darts order 2', 'evolution'."""
        order = self.settings.get("order")
        name = str(self.config["strategy"])
        return f"{name} order {order}" if name == "darts" and order else name

    @property
    def space(self) -> str:
        """'conv', 'recurrent', 'hierarchical' or 'nasbench201'."""
        return str(self.config.get("space", "conv"))

    @property
    def data(self) -> str:
        """Name of the data set; for the user's file or folder, the last part of its path."""
        return Path(str(self.config.get("data", "?"))).name or "?"

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return self.config.get("seed", 0)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the strategy."""
        return self.config.get("settings") or {}

    @property
    def objectives(self) -> tuple[str, ...]:
        """The measures that the search minimizes beside its metric."""
        return objectives(map(str, self.config.get("limits") or ()))

    @property
    def measures(self) -> tuple[str, ...]:
        """The limited or minimized measures that the candidates have."""
        return tuple(dict.fromkeys(
            name for row in self.rows for one in row.get("candidates") or ()
            for name in one.get("measures") or ()))

    @property
    def unit(self) -> str:
        """The unit of the cost: 'images' or 'tokens'."""
        if self.rows:
            return next(iter(self.rows[0]["cost"]))
        return "tokens" if self.space == "recurrent" else "images"

    @property
    def metric(self) -> str:
        """'accuracy', where higher is better, or 'perplexity', where lower is."""
        if self.rows:
            return "perplexity" if "valid_perplexity" in self.rows[0] else "accuracy"
        return "perplexity" if self.space == "recurrent" else "accuracy"

    @property
    def shares_weights(self) -> bool:
        """Is the validation metric that of a supernet, not of cells trained from scratch?"""
        return not any("candidates" in row and "train_loss" not in row for row in self.rows)

    @property
    def cost(self) -> tuple[int, ...]:
        """Training images or tokens up to each row."""
        return tuple(row["cost"][self.unit] for row in self.rows)

    @property
    def validation(self) -> tuple[float | None, ...]:
        """Validation accuracy or perplexity of each row; None if it is not finite."""
        return tuple(finite(row.get(f"valid_{self.metric}")) for row in self.rows)

    def better(self, one: float | None, other: float | None) -> float | None:
        """The better of two values of the metric; None is worse than any value."""
        known = [value for value in (one, other) if value is not None]
        best = min if self.metric == "perplexity" else max
        return best(known) if known else None

    @property
    def best_so_far(self) -> tuple[float | None, ...]:
        """The best of `validation` up to each row."""
        best: float | None = None
        out: list[float | None] = []
        for value in self.validation:
            best = self.better(best, value)
            out.append(best)
        return tuple(out)

    @property
    def best(self) -> float | None:
        """The best validation accuracy or perplexity of the run."""
        return self.best_so_far[-1] if self.rows else None

    @property
    def total_seconds(self) -> float | None:
        """Seconds of all epochs together, or None if any is unknown."""
        known = [seconds for seconds in self.seconds if seconds is not None]
        return sum(known) if self.rows and len(known) == len(self.seconds) else None

    @property
    def epochs(self) -> int | None:
        """Number of rows of the whole run, None if its settings do not say."""
        return self.config.get("epochs") or self.settings.get("epochs")

    @property
    def chosen_epoch(self) -> int | None:
        """The epoch whose genotype was kept, once the run is finished."""
        return (self.result or {}).get("chosen_epoch")

    @property
    def finished(self) -> bool:
        """Does the run have a result?"""
        return self.result is not None


def read_run(folder: Path | str) -> RunRecord:
    """Read the run in `folder`.  Raises HistoryError if there is none or a file is damaged."""
    folder = Path(folder)
    config = _read_json(folder / CONFIG)
    if config is not None and "table" in config:
        raise HistoryError(f"{folder} is a search against a table, which is compared with others "
                           "against that table only")
    if config is None or "strategy" not in config:
        raise HistoryError(f"{folder} holds no search run; `search list` shows the runs")
    if not isinstance(config.get("settings") or {}, dict):
        raise _damaged(folder / CONFIG, "settings are not an object")
    rows = _read_lines(folder / HISTORY, _check_row)
    units = {name for row in rows for name in row["cost"]}
    if len(units) > 1:
        raise _damaged(folder / HISTORY, f"cost in {' and '.join(sorted(units))}")
    result = _read_json(folder / RESULT)
    if result is not None and (fault := _check_result(result)):
        raise _damaged(folder / RESULT, fault)
    times = {row["epoch"]: row["seconds"] for row in _read_lines(folder / SECONDS, _check_time)}
    manifest = _read_json(folder / TRAINED)
    metrics = None if manifest is None else manifest.get("metrics")
    return RunRecord(folder, config, tuple(rows),
                     tuple(times.get(row["epoch"]) for row in rows), result,
                     metrics if isinstance(metrics, dict) else None)


def read_runs(parent: Path | str) -> tuple[list[RunRecord], list[str]]:
    """Read all search runs in the folder `parent`: records by name, a message per damaged run."""
    parent = Path(parent)
    records: list[RunRecord] = []
    damaged: list[str] = []
    for path in sorted(parent.glob(f"*/{CONFIG}")):
        try:
            config = _read_json(path)
            # Else a run of `zoo train`, or one against a table (`search.tables.run`).
            if config is not None and "strategy" in config and "table" not in config:
                records.append(read_run(path.parent))
        except HistoryError as error:
            damaged.append(str(error))
    return records, damaged


def duration(seconds: float) -> str:
    """Seconds in readable units.

    >>> duration(7500)
    '2 h 5 min'
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _check_row(row: dict[str, Any], number: int) -> str | None:
    """The fault of row `number` of a history, or None."""
    if row.get("epoch") != number:
        return f"is not the row of epoch {number}"
    cost = row.get("cost")
    if not isinstance(cost, dict) or not cost or None in map(finite, cost.values()):
        return "has no cost"
    for name in ("alphas", "entropy", "operations", "skip_connections", "genotype"):
        if not isinstance(row.get(name, {}), dict):
            return f"has a field {name} that is not an object"
    for name, value in row.items():
        if name.endswith(_NUMBERS) and not _is_number(value):
            return f"has a field {name} that is not a number"
    if not all(map(_is_number, row.get("entropy", {}).values())):
        return "has an entropy that is not a number"
    if not all(isinstance(counts, dict) for counts in row.get("operations", {}).values()):
        return "has operations without their counts"
    if not isinstance(row.get("warnings") or [], list):
        return "has warnings that are not a list"
    if not isinstance(row.get("candidates", []), list) \
            or not all(isinstance(one, dict) for one in row.get("candidates", [])):
        return "has candidates that are not a list of objects"
    if not all(isinstance(one.get("measures", {}), dict) for one in row.get("candidates", [])):
        return "has a candidate whose measures are not an object"
    return None


def _check_result(result: dict[str, Any]) -> str | None:
    """The fault of the result of a finished run, or None."""
    for name, kind in (("name", str), ("why", str), ("chosen_epoch", int)):
        if not isinstance(result.get(name), kind):
            return f"has no {name}"
    return None


def _is_number(value: object) -> bool:
    """Is it a number, possibly NaN, or None (unknown)?"""
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _check_time(row: dict[str, Any], number: int) -> str | None:
    known = isinstance(row.get("epoch"), int) and finite(row.get("seconds")) is not None
    return None if known else "has no epoch or seconds"


def _read_lines(path: Path, check: Callable[[dict[str, Any], int], str | None]
                ) -> list[dict[str, Any]]:
    """The JSON objects of a file, one per line; an incomplete last line is skipped."""
    rows: list[dict[str, Any]] = []
    *lines, last = (_read_text(path) or "").split("\n")
    for number, line in enumerate([*lines, last] if last else lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            if number > len(lines):
                break
            raise _damaged(path, f"line {number} is not JSON") from None
        fault = check(row, number) if isinstance(row, dict) else "is not an object"
        if fault:
            raise _damaged(path, f"line {number} {fault}")
        rows.append(row)
    return rows


def _read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file, or None if there is no file."""
    text = _read_text(path)
    try:
        value = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged(path, "not JSON") from None
    if text is not None and not isinstance(value, dict):
        raise _damaged(path, "not an object")
    return value


def _read_text(path: Path) -> str | None:
    # A power failure may leave arbitrary bytes at the end; decoded or not, they are not JSON.
    try:
        return path.read_bytes().decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _damaged(path: Path, why: str) -> HistoryError:
    remedy = "search again in another folder with -o"
    if path.name == RESULT:  # derived from the history
        remedy = (f"remove it and continue with `{command('search', 'resume', path.parent)}`, "
                  "which rewrites it")
    return HistoryError(f"{path} is damaged ({why}); {remedy}")
