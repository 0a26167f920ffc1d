"""`zoo score`: training-free scores of cells."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cell_file import read_cell, shown_name
from zoo.commands.options import DATA_HELP, Files
from zoo.commands.table import print_table
from zoo.messages.notes import note
from zoo.scores import BASELINES, SCORES, chosen
from zoo.system import json_text

if TYPE_CHECKING:
    from zoo.scores.batch import Batch
    from zoo.scores.correlation import Correlation
    from zoo.scores.scoring import CellScores, Setting

_LISTED = ", ".join(SCORES)
_PIXELS = 32  # per side of a noise image


def score(
    cells: Annotated[list[str] | None, typer.Argument(
        help="Cells or genotype files; none with --against.", show_default=False)] = None,
    scores: Annotated[str | None, typer.Option(
        "--score", metavar="NAME,...", help=f"Any of {_LISTED}; or all. Default: nwot, synflow "
        "and the baselines, which are always shown.", show_default=False)] = None,
    against: Annotated[tuple[Path, str] | None, typer.Option(
        metavar="FILE COLUMN", help="Rank the cells of a CSV table with a genotype column, and "
        "correlate the scores with a column of figures.", show_default=False)] = None,
    cells_of_table: Annotated[int | None, typer.Option(
        "--cells", min=2, metavar="N", help="With --against: N cells sampled from the table. "
        "Default: all.", show_default=False)] = None,
    data: Annotated[str | None, typer.Option(
        help=f"{DATA_HELP}. Default: Gaussian noise, 32 pixels, with random labels of 10 classes.",
        show_default=False)] = None,
    path: Files = None,
    size: Annotated[int | None, typer.Option(
        help="Image size in pixels, for noise, --data folder and imagenet.",
        show_default=False)] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", "--batch", min=2,
                                            help="Images per batch.")] = 32,
    seeds: Annotated[int, typer.Option(
        min=1, help="Networks to average over, each with its own batch.")] = 1,
    seed: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    network: Annotated[str | None, typer.Option(
        help="Kind of network. Default: that of the kind of cell, or cifar.",
        show_default=False)] = None,
    channels: Annotated[int | None, typer.Option(
        help="Channels of the first cell. Default: 32 (16 for a hierarchical cell).",
        show_default=False)] = None,
    layers: Annotated[int | None, typer.Option(
        help="Number of cells. Default: 8 (3 for a hierarchical cell).",
        show_default=False)] = None,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="With --against: store the scores of each cell in this JSON Lines "
        "file; the same command resumes from it.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score cells at initialization, without training.

    Higher is meant to be better.  params and flops (multiply-adds), in millions, are the baselines
    that a score has to beat.

    \b
    Example:
      zoo score DARTS NASNet
      zoo score DARTS PC_DARTS_cifar --score all --data digits --seeds 3
      zoo score --against nas-bench-301.csv accuracy --score nwot --cells 100
    """
    names = _names(scores)
    if against is None:
        for option, value in (("--cells", cells_of_table), ("-o", output)):
            if value is not None:
                raise ValueError(f"{option} applies only to --against; leave it out")
        if not cells:
            raise ValueError("name at least one cell, or a table with --against")
    elif cells:
        raise ValueError("--against scores the cells of its table; leave the other cells out")
    setting, facts = _setting(data, path, size, batch_size, network, channels, layers, seeds, seed)
    if against is None:
        _score_cells(cells or [], names, setting, facts, as_json)
    else:
        _compare(*against, cells_of_table, names, setting, facts, output, as_json)


def _names(scores: str | None) -> list[str]:
    """The scores to compute, the baselines last."""
    given = [] if scores is None else [name.strip() for name in scores.split(",") if name.strip()]
    names = chosen(given or ["nwot", "synflow"])
    return [name for name in names if name not in BASELINES] + list(BASELINES)


def _setting(data: str | None, path: Path | None, size: int | None, count: int,
             network: str | None, channels: int | None, layers: int | None, seeds: int, seed: int
             ) -> tuple[Setting, dict[str, Any]]:
    """The setting to score cells with, and its data as JSON values."""
    from zoo.data.base import fingerprint
    from zoo.data.images import load
    from zoo.models.factory import check_network
    from zoo.scores.batch import data_batch, random_batch
    from zoo.scores.scoring import Setting

    if network is not None:
        check_network(network)
    facts: dict[str, Any] = {"data": data or "noise", "batch_size": count}
    if data is None:
        if path is not None:
            raise ValueError("--path is the folder of a data set; add --data")
        side = _PIXELS if size is None else size
        if side < 4:
            raise ValueError(f"--size must be at least 4, not {side}")
        facts["size"] = side

        def batch(number: int) -> Batch:
            return random_batch(count, (3, side, side), seed=number)
    else:
        images = load(data, path, size)
        facts["data_sha256"] = fingerprint(images)

        def batch(number: int) -> Batch:
            return data_batch(images, count, number)
        batch(seed)  # raises if there are too few images
    return Setting(network, channels, layers, seeds, seed, batch), facts


def _score_cells(cells: list[str], names: list[str], setting: Setting, facts: dict[str, Any],
                 as_json: bool) -> None:
    from zoo.commands.progress import spinner
    from zoo.scores.scoring import finite, score_cell

    records = [(cell, read_cell(cell)) for cell in cells]
    for cell, record in records:
        if record.genotype.kind == "recurrent":
            raise ValueError(f"{cell} is a recurrent cell, which has no image network to score")
    found: list[tuple[str, CellScores]] = []
    with spinner() as say:
        for cell, record in records:
            say(f"{cell} ...")
            found.append((shown_name(cell, record), score_cell(record.genotype, setting, names)))
    if as_json:
        typer.echo(json_text.dumps({
            **facts, "seed": setting.seed, "seeds": setting.seeds, "cells": [{
                "cell": name, "seconds": one.seconds,
                "scores": {key: finite(value) for key, value in one.values.items()},
            } for name, one in found]}, indent=2))
        return
    rows = [(name, *(_figure(one.values[key]) for key in names),
             f"{sum(one.seconds.values()):.2f}") for name, one in found]
    print_table(("cell", *names, "seconds"), rows, right=(*names, "seconds"))
    typer.echo(_summary(facts, setting))


def _summary(facts: dict[str, Any], setting: Setting) -> str:
    """One line on the batches and seeds."""
    what = "random input (Gaussian noise, random labels)" if facts["data"] == "noise" else (
        f"images of {facts['data']}")
    last = setting.seed + setting.seeds - 1
    seeds = f"seed {last}" if setting.seeds == 1 else f"mean of the seeds {setting.seed} to {last}"
    return f"{facts['batch_size']} images per batch, {what}; {seeds}"


def _figure(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


# --- against a table ----------------------------------------------------------------------------


def _compare(file: Path, column: str, count: int | None, names: list[str], setting: Setting,
             facts: dict[str, Any], output: Path | None, as_json: bool) -> None:
    import numpy as np

    from zoo.commands.progress import steps
    from zoo.genotypes.table import TableError, read_table
    from zoo.scores.correlation import kendall, spearman
    from zoo.scores.many import score_cells

    table = read_table(file)
    for line in table.notes:
        note(f"{file}, {line}")
    figures = table.column(column)
    chosen_rows = [n for n, figure in enumerate(figures) if figure == figure]  # not NaN
    if len(chosen_rows) < max(2, count or 2):
        raise TableError(f"{file} has {len(chosen_rows)} cells with a figure in {column}, fewer "
                         f"than {max(2, count or 2)}; lower --cells, or choose another column")
    if count is not None:
        drawn = np.random.default_rng(setting.seed).choice(len(chosen_rows), count, replace=False)
        chosen_rows = [chosen_rows[n] for n in sorted(drawn)]
    genotypes = [table.genotypes[n] for n in chosen_rows]
    if any(genotype.kind == "recurrent" for genotype in genotypes):
        raise TableError(f"{file} has recurrent cells, which have no image networks to score")
    with steps("scoring", 1, "cells") as bar:
        def report(done: int, total: int) -> None:
            bar(done, total)
            if not sys.stderr.isatty() and done * 10 // total > (done - 1) * 10 // total:
                typer.echo(f"{done} of {total} cells", err=True)

        found = score_cells(genotypes, setting, names, output, facts, report)
    truth = [figures[n] for n in chosen_rows]
    rows: list[tuple[str, Correlation, Correlation, float]] = []
    for name in names:
        values = [scores.values[name] for scores in found]
        seconds = sum(scores.seconds[name] for scores in found) / len(found)
        rows.append((name, spearman(values, truth), kendall(values, truth), seconds))
    if as_json:
        typer.echo(json_text.dumps({
            **facts, "table": str(file), "column": column, "cells": len(genotypes),
            "seed": setting.seed, "seeds": setting.seeds,
            "scores": {name: {"spearman": _plain(one), "kendall": _plain(other),
                              "seconds_per_cell": seconds} for name, one, other, seconds in rows}},
            indent=2))
        return
    columns = ("Spearman", "95 %", "Kendall", "95 % ", "seconds per cell")
    print_table(("score", *columns), [
        (name, _shown(one.value), _interval(one), _shown(other.value), _interval(other),
         f"{seconds:.3f}") for name, one, other, seconds in rows], right=columns)
    typer.echo(f"{len(genotypes)} cells of {file}, against {column}; {_summary(facts, setting)}")


def _plain(found: Correlation) -> dict[str, float | None]:
    return {"value": found.value, "low": found.low, "high": found.high}


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(found: Correlation) -> str:
    return "" if found.low is None else f"{_shown(found.low)} to {_shown(found.high)}"
