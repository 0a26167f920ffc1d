"""A run of one strategy against a table, over many seeds.

The seeds run in this process, in several, or on a Ray cluster (see `search.workers`).  Its folder
holds `config.json`, `seeds.jsonl`, `random.jsonl` (random search with the same seeds and budget)
and, when finished, `summary.json` and `curve.svg`.  A row depends only on the table, the settings
and its seed, so a resumed run ends with the same bytes as an uninterrupted one, on any workers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.progress import Report, silent
from search.reporting.table_plot import plot_tables
from search.strategies.sampled import SampleStrategy
from search.tables.config import TableConfig, table_entry, table_settings
from search.tables.evaluator import TableEvaluator
from search.tables.folder import CONFIG, CURVE, SUMMARY
from search.tables.rows import RANDOM, SEEDS, read_rows
from search.tables.summary import front_point, summarize
from search.tables.truth import Truth, table_sha256
from search.workers import WorkerError, WorkersLost, in_order, parse, pool
from zoo.artifact.folder import json_bytes
from zoo.messages.command_line import command
from zoo.runs import run_folder
from zoo.runs.run_folder import RunError
from zoo.runs.run_lock import at_work
from zoo.system import json_text
from zoo.system.files import write_whole
from zoo.system.threads import use_threads

_FLUSH_SECONDS = 1.0  # a seed takes milliseconds, as long as a write to disk
_BATCH = 10  # seeds that another process gets at once


def start(folder: Path, config: TableConfig) -> None:
    """Prepare `folder` for a run of `config`.  Raises RunError if it is not empty."""
    run_folder.begin(folder, dataclasses.asdict(config), "search run", {
        SUMMARY: f"a finished search, see `{command('search', 'show', folder)}`;",
        CONFIG: f"a search already; continue it with `{command('search', 'resume', folder)}`, or"})


def read_config(folder: Path) -> TableConfig:
    """Read the configuration of the run in `folder`.  Raises RunError if it is damaged."""
    try:
        return TableConfig.read(json.loads((folder / CONFIG).read_bytes()))
    except (OSError, TypeError, ValueError, RecursionError):
        raise RunError(f"{folder / CONFIG} is damaged or not of a search against a table; start a "
                       "new search in another folder with -o") from None


def run(folder: Path, truth: Truth | None = None, report: Report = silent,
        workers: int | str | None = None) -> TableConfig:
    """Execute or resume the run in `folder`; return its configuration.

    `truth` is read from the table of the configuration by default; `report` receives the number of
    finished seeds; `workers` are those of `search.workers.pool`, by default this process alone.
    Raises RunError for a folder that holds no run, is damaged or in use by another process, or
    whose table has changed; TableError for an unreadable table; WorkerError if a worker is killed;
    ValueError for invalid workers or a Ray cluster that does not answer.
    """
    config, place = read_config(folder), parse(workers, lambda: 1)
    if (folder / SUMMARY).exists():
        return config
    with at_work(folder), use_threads(1):
        if truth is None:
            truth = config.truth()
        if table_sha256(config.path) != config.table_sha256:
            raise RunError(f"{config.table} has changed since {folder} was started; restore it, or "
                           "search in another folder with -o")
        names = {SEEDS: config.strategy} | (
            {} if config.strategy == "random" else {RANDOM: "random"})
        total, done = config.seeds * len(names), 0
        with contextlib.closing(pool(place, _Batches(config, truth))) as working:
            for name, strategy in names.items():
                path = folder / name
                first = len(read_rows(path, config))
                run_folder.keep_lines(path, first)
                pending: list[dict[str, Any]] = []
                flushed = time.monotonic()
                size = 1 if place == 1 else _BATCH
                batches = [_Batch(strategy, start, min(start + size, config.seeds))
                           for start in range(first, config.seeds, size)]
                try:
                    for batch, rows in in_order(working, batches):
                        pending += rows
                        if (time.monotonic() - flushed > _FLUSH_SECONDS
                                or batch.stop == config.seeds):
                            _append(path, pending)
                            pending, flushed = [], time.monotonic()
                        report(done + batch.stop, total, {})
                except WorkersLost:
                    raise WorkerError(
                        "a worker was killed, perhaps for lack of memory; continue with "
                        f"`{command('search', 'resume', folder)}` and fewer --workers") from None
                done += config.seeds
        _finish(folder, config, truth)
    return config


@dataclass(frozen=True)
class _Batch:
    """Seeds of a strategy, counted from the first seed of the run."""

    strategy: str
    start: int
    stop: int


@dataclass(frozen=True)
class _Batches:
    """The work of a worker: the rows of a batch."""

    config: TableConfig
    truth: Truth

    def __call__(self, batch: _Batch) -> list[dict[str, Any]]:
        with use_threads(1):
            return [seed_row(self.config, self.truth, batch.strategy, self.config.seed + number)
                    for number in range(batch.start, batch.stop)]


def seed_row(config: TableConfig, truth: Truth, strategy: str, seed: int) -> dict[str, Any]:
    """Search with one seed within the budget of `config`; return its row.

    `best` lists each new best cell, by the column `look_at`, as [cells evaluated so far, its
    `look_at`, its `judge_by`]; the last is the result.  With objectives, `front` lists the cells
    that no other one found dominates by `look_at` and the objectives, as [row, its `judge_by`, its
    objectives], and `hypervolume` is theirs by `judge_by`, relative to the true front.
    """
    searched = _strategy(config, truth, strategy, seed)
    best: list[list[float]] = []
    distinct: dict[Any, None] = {}
    looks, highest = 0, -float("inf")
    for number in range(1, searched.epochs + 1):
        for trial in searched.wave(number):
            looks += 1
            distinct[trial.genotype] = None
            if trial.result.score > highest:
                highest = trial.result.score
                best.append([looks, truth.looked[trial.genotype], truth.judged[trial.genotype]])
    found = searched.genotype()
    judged = truth.judged[found]
    row = {"seed": seed, "looks": looks, "cells": len(distinct), "row": truth.row(found),
           "genotype": str(found), "looked_at": truth.looked[found], "judged_by": judged,
           "regret": truth.judged[truth.best] - judged, "best": best}
    if truth.costs:
        front = truth.front_of(distinct, truth.looked)
        row |= {"front": [front_point(truth, cell) for cell in front],
                "hypervolume": truth.quality(front)}
    return row


def _strategy(config: TableConfig, truth: Truth, strategy: str, seed: int) -> SampleStrategy:
    settings = (table_settings(strategy).changed(config.settings) if strategy == config.strategy
                else table_settings(strategy).changed({"candidates": config.budget}))
    built = table_entry(strategy).load()(
        truth.space, TableEvaluator(truth.looked, truth.measured), settings, seed)
    assert isinstance(built, SampleStrategy)  # every strategy with table settings is one
    return built


def _append(path: Path, rows: list[dict[str, Any]]) -> None:
    """Append rows and flush them to disk."""
    run_folder.append_text(path, "".join(json_text.dumps(row) + "\n" for row in rows))


def _finish(folder: Path, config: TableConfig, truth: Truth) -> None:
    summary = summarize(folder, config, truth)
    if importlib.util.find_spec("matplotlib"):  # from the extra `search`
        plot_tables([(folder, config)], folder / CURVE, best=truth.judged[truth.best],
                    front=summary.get("front", {}).get("true", ()))
    write_whole(folder / SUMMARY, json_bytes(summary))
