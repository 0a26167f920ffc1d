"""Compares strategies over seeds: the quality of the cells found, and the cost.

Follows Li & Talwalkar 2019 (arXiv 1902.07638): mean and standard deviation over several seeds, one
unit of cost for all, and the found cells trained from scratch.  The validation metric of a
weight-sharing strategy is the supernet's, not a trained cell's, and the table says so.
"""

from __future__ import annotations

import hashlib
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import typer

from search.reporting.history import RunRecord, duration
from search.reporting.significance import Difference, paired
from zoo.commands.table import print_table
from zoo.genotypes.cell import is_list, is_object
from zoo.messages.command_line import command
from zoo.runs.tensorboard import finite
from zoo.system import json_text


class CompareError(ValueError):
    """Runs that cannot be compared in one table; the message names two of them and the reason."""


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (None for one value) of `count` values."""

    mean: float
    deviation: float | None
    count: int

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Spread | None:
        """The spread of the values that are not None, or None if all are."""
        known = [value for value in values if value is not None]
        if not known:
            return None
        deviation = statistics.stdev(known) if len(known) > 1 else None
        return cls(statistics.fmean(known), deviation, len(known))


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed only."""

    label: str
    runs: tuple[RunRecord, ...]

    @property
    def shares_weights(self) -> bool:
        """Is the validation metric that of a supernet, not of trained cells?"""
        return self.runs[0].shares_weights

    @property
    def cost(self) -> Spread | None:
        """Training images or tokens of a whole run."""
        return Spread.of([run.cost[-1] for run in self.runs])

    @property
    def seconds(self) -> Spread | None:
        """Seconds of a whole run, where known."""
        return Spread.of([run.total_seconds for run in self.runs])

    @property
    def validation(self) -> Spread | None:
        """The best accuracy or perplexity on validation data."""
        return Spread.of([run.best for run in self.runs])

    @property
    def test(self) -> Spread | None:
        """The test metric of the found cells trained from scratch, for the runs that have one."""
        return Spread.of([finite((run.trained or {}).get(f"test_{run.metric}"))
                          for run in self.runs])

    def values(self, test: bool) -> dict[int, float]:
        """By seed: the test metric of the trained cell, else the best on validation data."""
        found = {run.seed: finite((run.trained or {}).get(f"test_{run.metric}")) if test
                 else run.best for run in self.runs}
        return {seed: value for seed, value in found.items() if value is not None}

    def curve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Costs, and the mean and standard deviation over runs of the best value so far.

        The costs begin where every run has a value and end where the shortest run ends.
        """
        steps = [best_over_cost(run) for run in self.runs]
        steps = [step for step in steps if step]
        if not steps:
            return np.empty(0), np.empty(0), np.empty(0)
        begin = max(step[0][0] for step in steps)
        end = min(step[-1][0] for step in steps)
        grid = np.unique([cost for step in steps for cost, _ in step] + [begin, end])
        grid = grid[(grid >= begin) & (grid <= end)]
        values = np.array([_held(step, grid) for step in steps]).reshape(len(steps), len(grid))
        deviation = values.std(axis=0, ddof=1) if len(steps) > 1 else np.zeros(len(grid))
        return grid, values.mean(axis=0), deviation


@dataclass(frozen=True)
class Comparison:
    """Groups of runs on one space and one data set, with costs in one unit."""

    space: str
    data: str
    unit: str
    metric: str
    groups: tuple[Group, ...]

    def differences(self) -> list[tuple[Group, Group, str, Difference]]:
        """Of every two strategies with at least two seeds in common: the first, the second, "test"
        or "validation", and the difference of the first from the second, seed by seed.

        Of the cells trained from scratch, where they are; else of the validation metric, unless
        one of the two is that of a supernet.
        """
        found: list[tuple[Group, Group, str, Difference]] = []
        for one, other in itertools.combinations(self.groups, 2):
            for split in ("test", "validation"):
                first, second = (group.values(split == "test") for group in (one, other))
                seeds = sorted(first.keys() & second.keys())
                comparable = split == "test" or not (one.shares_weights or other.shares_weights)
                if comparable and len(seeds) > 1:
                    found.append((one, other, split, paired([first[seed] for seed in seeds],
                                                            [second[seed] for seed in seeds])))
                    break
        return found

    def to_dict(self) -> dict[str, Any]:
        """Everything that the table shows, as JSON types."""
        def plain(spread: Spread | None) -> dict[str, Any] | None:
            return None if spread is None else asdict(spread)

        differences = [{"first": one.label, "second": other.label, "of": f"{split}_{self.metric}",
                        **asdict(found)} for one, other, split, found in self.differences()]
        return {"space": self.space, "data": self.data, "unit": self.unit, "metric": self.metric,
                "differences": differences,
                "strategies": [{
                    "label": group.label, "seeds": [run.seed for run in group.runs],
                    "runs": [str(run.folder) for run in group.runs],
                    "finished": all(run.finished for run in group.runs),
                    "validated": "supernet" if group.shares_weights else "cells",
                    "cost": plain(group.cost), "seconds": plain(group.seconds),
                    f"best_valid_{self.metric}": plain(group.validation),
                    f"test_{self.metric}": plain(group.test)} for group in self.groups]}


def compare(runs: Sequence[RunRecord]) -> Comparison:
    """Group the runs by everything but their seed, in the order given.

    Raises CompareError for runs on different spaces, data or units, for a run without a finished
    epoch, and for the same search given twice.
    """
    if not runs:
        raise CompareError("no run to compare; name at least one folder")
    for run in runs:
        if not run.rows:
            raise CompareError(f"{run.folder} has no finished epoch yet; leave it out")
    for one, other in pairwise(runs):
        for what, name in (("searched the space", "space"), ("searched on the data", "data"),
                           ("counts", "unit"), ("measures", "metric")):
            if getattr(one, name) != getattr(other, name):
                raise CompareError(f"{one.folder} {what} {getattr(one, name)}, {other.folder} "
                                   f"{getattr(other, name)}; compare them separately")
        if one.config.get("data_sha256") != other.config.get("data_sha256"):
            raise CompareError(f"{one.folder} and {other.folder} searched on different "
                               f"{one.data} data (their sha256 differ); compare them "
                               "separately")
    groups: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        group = groups.setdefault(_search(run), [])
        if twin := next((other for other in group if other.seed == run.seed), None):
            raise CompareError(f"{twin.folder} and {run.folder} are the same search with seed "
                               f"{run.seed}; leave one out")
        group.append(run)
    first = runs[0]
    return Comparison(first.space, first.data, first.unit, first.metric, tuple(
        Group(_label(group[0], groups), tuple(group)) for group in groups.values()))


def best_over_cost(run: RunRecord) -> list[tuple[float, float]]:
    """(cost, best so far) after every row and every candidate."""
    steps: list[tuple[float, float]] = []
    best: float | None = None
    cost: float = 0
    for row, total, value in zip(run.rows, run.cost, run.validation):
        for one in row.get("candidates") or () if not run.shares_weights else ():
            cost += finite(one.get(run.unit)) or 0
            best = run.better(best, finite(one.get(f"valid_{run.metric}")))
            if best is not None:
                steps.append((min(cost, total), best))
        cost, best = total, run.better(best, value)
        if best is not None:
            steps.append((cost, best))
    return steps


def print_comparison(comparison: Comparison, as_json: bool = False) -> None:
    """Print the table, with remarks below it; or everything as JSON."""
    if as_json:
        typer.echo(json_text.dumps(comparison.to_dict(), indent=2))
        return
    accuracy = comparison.metric == "accuracy"
    shared = any(group.shares_weights for group in comparison.groups)
    validation = f"best validation {comparison.metric}{'*' if shared else ''}"
    columns = ("strategy", "seeds", comparison.unit, "time", validation,
               f"test {comparison.metric}, trained")
    rows = [(group.label, len(group.runs), _text(group.cost, "{:,.0f}"), _time(group.seconds),
             _score(group.validation, accuracy)
             + ("*" if group.shares_weights else " " if shared else ""),
             _score(group.test, accuracy, of=len(group.runs)))
            for group in comparison.groups]
    print_table(columns, rows, right=columns[1:], shorten="strategy")
    remarks = ["mean ± standard deviation over the seeds"] if any(
        len(group.runs) > 1 for group in comparison.groups) else []
    if shared:
        remarks.append("* of the supernet, not of a trained cell: comparable only within a "
                       "strategy; across strategies use the last column")
    if untrained := [run for group in comparison.groups for run in group.runs
                     if not run.trained and run.finished]:
        name = (untrained[0].result or {}).get("name", "NAME")
        next_one = command("zoo", "train", name, "--data", comparison.data, "-o",
                           untrained[0].folder / "trained")
        remarks.append(f"cells not trained yet: {len(untrained)}, as in: {next_one}")
    remarks += [f"{run.folder} is not finished: epoch {len(run.rows)}"
                + (f" of {run.epochs}" if run.epochs else "")
                for group in comparison.groups for run in group.runs if not run.finished]
    remarks += [_difference(one, other, split, found, comparison.metric)
                for one, other, split, found in comparison.differences()]
    for remark in remarks:
        typer.echo(remark)


def _difference(one: Group, other: Group, split: str, found: Difference, metric: str) -> str:
    scale, unit = (100, " points") if metric == "accuracy" else (1, "")
    low, high = found.interval or (found.mean, found.mean)
    return (f"{one.label} against {other.label}, {split} {metric} of {found.count} seeds: "
            f"{scale * found.mean:+.2f}{unit} ({scale * low:+.2f} to {scale * high:+.2f}), "
            f"Wilcoxon p = {found.p:.2g}")


def _search(run: RunRecord) -> tuple[str, str]:
    """The key of a group: strategy and settings."""
    return run.strategy, json_text.dumps(_facts(run), sort_keys=True)


def _facts(run: RunRecord) -> dict[str, Any]:
    """The run's settings, including its operations and those of its candidates' training."""
    training = {f"training_{name}": value
                for name, value in (run.config.get("training") or {}).items()}
    budget = {} if run.shares_weights else {"budget": run.config.get("budget")}
    return run.settings | training | budget | {"operations": _operations(run)}


def _operations(run: RunRecord) -> str:
    """The restriction of the space: names for all edges, or the start of a hash of the lists."""
    allowed = run.config.get("operations")
    if not is_object(allowed):
        return "all"
    texts = {" ".join(map(str, row)) for rows in allowed.values() if is_list(rows)
             for row in rows if is_list(row)}
    if len(texts) == 1:
        return texts.pop()
    lists = json_text.dumps(allowed, sort_keys=True)
    return f"per edge {hashlib.sha256(lists.encode()).hexdigest()[:6]}"


def _label(run: RunRecord, groups: dict[tuple[str, str], list[RunRecord]]) -> str:
    """The strategy, with the settings that distinguish the group from others of that strategy."""
    own = _facts(run)
    others = [_facts(group[0]) for (strategy, _), group in groups.items()
              if strategy == run.strategy]
    names = sorted({name for settings in others for name in settings
                    if any(other.get(name) != settings[name] for other in others)})
    differences = ", ".join(f"{name.replace('_', ' ')} {own.get(name)}" for name in names)
    return f"{run.strategy} ({differences})" if differences else run.strategy


def _held(steps: list[tuple[float, float]], grid: np.ndarray) -> np.ndarray:
    """The value of the last step at or before each cost of the grid."""
    costs, values = map(np.array, zip(*steps))
    return values[np.searchsorted(costs, grid, side="right") - 1]


def _text(spread: Spread | None, form: str) -> str:
    if spread is None:
        return "–"
    text = form.format(spread.mean)
    # usually 0 for the cost: runs of one strategy train equally long
    return f"{text} ± {form.format(spread.deviation)}" if spread.deviation else text


def _time(spread: Spread | None) -> str:
    return "–" if spread is None else duration(spread.mean)


def _score(spread: Spread | None, accuracy: bool, of: int | None = None) -> str:
    """93.1 ± 0.4 %; given `of` runs, also how many of them have a value unless all do."""
    if spread is None:
        return "–"
    scale = 100 if accuracy else 1
    deviation = None if spread.deviation is None else spread.deviation * scale
    scaled = Spread(spread.mean * scale, deviation, spread.count)
    some = f" ({spread.count} of {of})" if of and spread.count < of else ""
    return _text(scaled, "{:.1f}") + (" %" if accuracy else "") + some
