"""`zoo bench`: times a network in PyTorch and in the runtimes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from export.runtimes.base import ALL, RUNTIMES, select_runtimes
from zoo.commands.progress import spinner
from zoo.commands.table import print_table
from zoo.messages.spelling import either
from zoo.system import json_text

if TYPE_CHECKING:
    from export.checks.bench import Measured

# Annotations are evaluated when a command is called: its help lists the tables' current entries.


def _timed() -> list[str]:
    return [name for name, each in RUNTIMES.items() if each.timed]


def bench(
    targets: Annotated[list[str], typer.Argument(
        help="Cells or genotype files, or artifact folders.", show_default=False)],
    channels: Annotated[int, typer.Option(help="Channels of the first cell.")] = 16,
    layers: Annotated[int, typer.Option(help="Number of cells.")] = 8,
    size: Annotated[int, typer.Option(help="Height and width of the images.")] = 32,
    threads: Annotated[int, typer.Option(help="CPU threads of PyTorch and the runtimes.")] = 1,
    runs: Annotated[int, typer.Option(help="Number of timed runs; the median is shown.")] = 31,
    runtime: Annotated[list[str] | None, typer.Option(
        help=f"{either(_timed())}, or {ALL}: NAME or NAME:BACKEND; repeat, or separate by commas. "
             f"Default: {_timed()[0]}.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time one input in PyTorch and in runtimes, browsers included; those of a page in turn.

    \b
    Example:
      zoo bench DARTS NASNet AmoebaNet
      zoo bench DARTS --runtime onnxruntime --runtime tflite
      zoo bench exports/mine --runtime all
      zoo bench exports/mine --runtime tfjs:wasm,litert:wasm,ort-web:wasm --json
    """
    from export.checks.bench import measure

    selected = select_runtimes(runtime or [_timed()[0]])
    everything = bool(runtime) and ALL in runtime
    rows = []
    with spinner() as say:
        for target in targets:
            say(f"{target} ...")
            rows.append(measure(target, channels, layers, size, threads, runs, selected,
                                everything))
    if as_json:
        typer.echo(json_text.dumps([dataclasses.asdict(row) for row in rows], indent=2))
    elif all(row.is_cell for row in rows):
        _print_cells(rows)
    else:
        for row in rows:
            _print_timings(row)
    if any(time.failed for row in rows for time in row.timings):
        raise typer.Exit(1)


def _print_cells(rows: Sequence[Measured]) -> None:
    """Print a row for each cell, with two columns for each runtime and backend."""
    backends = list(dict.fromkeys((time.runtime, time.backend) for row in rows
                                  for time in row.timings))
    columns, table = ["parameters", "multiply-adds", "PyTorch ms"], []
    for name, backend in backends:
        columns += [f"{_title(name, backend)} ms", "speed-up"]
    for row in rows:
        line = [row.name, f"{row.parameters:,}", f"{row.multiply_adds or 0:,}", _ms(row.pytorch_ms)]
        times = {(time.runtime, time.backend): time.ms for time in row.timings}
        for key in backends:
            ms, pytorch = times.get(key), row.pytorch_ms
            line += [_ms(ms), f"{pytorch / ms:.1f}x" if ms and pytorch else ""]
        table.append(line)
    print_table(("cell", *columns), table, right=columns)
    _print_notes(rows)


def _print_timings(row: Measured) -> None:
    """Print a row for each runtime and backend."""
    table = [["PyTorch", "", _ms(row.pytorch_ms), "", str(row.threads), ""]] \
        if row.pytorch_ms is not None else []
    table += [[RUNTIMES[time.runtime].title, time.backend, _ms(time.ms), _ms(time.load_ms, 0),
               "" if time.threads is None else str(time.threads),
               f"{row.bytes[time.runtime] / 1e6:.2f}" if time.runtime in row.bytes else ""]
              for time in row.timings]
    typer.echo(f"{row.name}: one input, median of {row.runs}")
    print_table(("runtime", "backend", "ms", "load ms", "threads", "MB"), table,
                right=("ms", "load ms", "threads", "MB"))
    _print_notes([row])


def _print_notes(rows: Sequence[Measured]) -> None:
    for row in rows:
        for time in row.timings:
            if time.note:
                what = "error" if time.failed else "note"
                typer.echo(f"{what}: {row.name}: {_title(time.runtime, time.backend)}: {time.note}",
                           err=True)


def _title(name: str, backend: str) -> str:
    """The runtime's title, with the backend if it has several."""
    runtime = RUNTIMES[name]
    return f"{runtime.title} {backend}" if len(runtime.backends) > 1 else runtime.title


def _ms(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"
