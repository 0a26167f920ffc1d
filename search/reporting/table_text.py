"""Text output of searches against a table: one run, or several compared."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from search.limits.limit import read_limits
from search.reporting.compare import CompareError
from search.tables.config import TableConfig
from search.tables.folder import CURVE, SUMMARY
from search.tables.rows import SEEDS, read_rows
from search.tables.run import read_config
from search.tables.summary import of_seeds, paired
from zoo.commands.table import print_table
from zoo.messages.command_line import command
from zoo.runs.run_folder import RunError
from zoo.system import json_text


def show(folder: Path) -> None:
    """Print the settings of a run and, when it is finished, its summary."""
    config = read_config(folder)
    settings = ", ".join(f"{name} {value}" for name, value in config.settings.items())
    typer.echo(f"{config.strategy} against {config.path.name}: searches by {config.look_at}, "
               f"judged by {config.judge_by}\nsettings: {settings}")
    summary = read_summary(folder)
    if summary is None:
        typer.echo(f"{len(read_rows(folder / SEEDS, config)):,} of {config.seeds:,} seeds done; "
                   f"continue with `{command('search', 'resume', folder)}`")
        return
    tell(folder, summary)


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of a run, None if it is unfinished.  Raises RunError if it is damaged."""
    path = folder / SUMMARY
    if not path.exists():
        return None
    try:
        summary = json.loads(path.read_bytes())
        if not isinstance(summary, dict) or not isinstance(summary["found"], dict):
            raise ValueError
    except (ValueError, KeyError, RecursionError):
        raise RunError(f"{path} is damaged; remove it and run "
                       f"`{command('search', 'resume', folder)}`, which writes it again") from None
    return summary


def tell(folder: Path, summary: dict[str, Any]) -> None:
    """Print a summary: a row for the strategy and one for random search."""
    found = {summary["strategy"]: summary["found"]}
    if "random" in summary:
        found["random"] = summary["random"]
    _print(found, summary["judge_by"], summary["seeds"])
    if "front" in summary:
        front = summary["front"]
        typer.echo(f"front by {summary['judge_by']} and {', '.join(front['objectives'])}: "
                   f"{len(front['true'])} cells of the table")
    best = summary["best_of_table"]
    typer.echo(f"best of the table: {best['judged_by']:g}, row {best['row']}, {best['genotype']}")
    if left := summary["rows_left_out"]:
        typer.echo(f"left out: {left:,} rows without a figure in both columns")
    if outside := summary["rows_outside"]:
        bounds = [str(bound) for bound in read_limits(summary["limits"]).bounds]
        typer.echo(f"outside {' or '.join(bounds)}: {outside:,} rows, never proposed")
    if "against_random" in summary:
        _differences("against random search", summary["against_random"])
    drawn = f", curve: {folder / CURVE}" if (folder / CURVE).exists() else ""
    typer.echo(f"run: {folder}{drawn}")


def compare(folders: Sequence[Path], as_json: bool) -> None:
    """Print a row for each run on one table, and the paired differences between them.

    Raises CompareError for runs that differ in table, column, limits, budget or seeds, and for
    unfinished runs.
    """
    runs = [(folder, read_config(folder)) for folder in folders]
    first_folder, first = runs[0]
    for folder, config in runs:
        for name, what in (("table_sha256", "table"), ("look_at", "--look-at"),
                           ("judge_by", "--judge-by"), ("limits", "--limit"),
                           ("budget", "--budget"), ("seed", "--seed"), ("seeds", "--seeds")):
            if getattr(config, name) != getattr(first, name):
                raise CompareError(f"{folder} and {first_folder} differ in {what}; compare them "
                                   "separately")
        if not (folder / SUMMARY).exists():
            raise CompareError(f"{folder} is not finished; continue it with "
                               f"`{command('search', 'resume', folder)}`")
    rows = {label: read_rows(folder / SEEDS, config)
            for label, (folder, config) in zip(_labels(runs), runs)}
    found = {label: of_seeds(each) for label, each in rows.items()}
    differences = {f"{one} - {other}": paired(rows[one], rows[other])
                   for one, other in itertools.combinations(rows, 2)}
    if as_json:
        typer.echo(json_text.dumps({"judge_by": first.judge_by, "looks": first.budget,
                                    "seeds": first.seeds, "found": found,
                                    "differences": differences}, indent=2))
        return
    _print(found, first.judge_by, first.seeds)
    for label, difference in differences.items():
        _differences(label, difference)


def _labels(runs: Sequence[tuple[Path, TableConfig]]) -> Iterator[str]:
    """The name of each run's strategy, with its folder if several runs have that strategy."""
    strategies = [config.strategy for _, config in runs]
    for folder, config in runs:
        twice = strategies.count(config.strategy) > 1
        yield f"{config.strategy} ({folder.name})" if twice else config.strategy


def _print(found: dict[str, dict[str, Any]], judge_by: str, seeds: int) -> None:
    columns = ("strategy", "seeds", judge_by, "std", "95 % interval", "regret", "found the best",
               "cells")
    volumes = {label: each["hypervolume"] for label, each in found.items()
               if "hypervolume" in each}
    print_table(columns, [
        (label, f"{seeds:,}", f"{each['mean']:.3f}",
         "–" if each["deviation"] is None else f"{each['deviation']:.3f}",
         _interval(each["interval"]), f"{each['regret']:.3f}", f"{each['found_the_best']:,}",
         f"{each['cells']:.1f}") for label, each in found.items()],
        right=columns[1:], shorten="strategy")
    if volumes:
        columns = ("strategy", "hypervolume of the true front's", "std", "95 % interval")
        print_table(columns, [
            (label, f"{each['mean']:.4f}",
             "–" if each["deviation"] is None else f"{each['deviation']:.4f}",
             _interval(each["interval"], 4)) for label, each in volumes.items()],
            right=columns[1:], shorten="strategy")


def _differences(label: str, found: dict[str, Any]) -> None:
    typer.echo(f"{label}, seed by seed: {_difference(found)}")
    if "hypervolume" in found:
        typer.echo(f"hypervolume: {_difference(found['hypervolume'], 4)}")


def _interval(interval: list[float] | None, digits: int = 3) -> str:
    return "–" if interval is None else f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


def _difference(found: dict[str, Any], digits: int = 3) -> str:
    interval = _interval(found["interval"], digits)
    return (f"{found['difference']:+.{digits}f} ({interval}), better "
            f"{found['better']:,} times, worse {found['worse']:,}; Wilcoxon p = {found['p']:.2g}")
