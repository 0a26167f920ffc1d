"""Shows the progress of a loop: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from zoo.messages.command_line import typed
from zoo.system import interrupts

if TYPE_CHECKING:
    import torch


@contextlib.contextmanager
def steps(title: str, size: float = 0, unit: str = "images") -> Iterator[Callable]:
    """Yields ``report(steps done, total steps, row of an epoch or None)``.

    On a terminal, a bar with the time left and, if a step has `size` images or tokens, their number
    per second; elsewhere a line per epoch.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed * size:,.0f} {unit}/s" if task.speed and size else "")

    if not sys.stderr.isatty():
        yield _line
        return
    def fixed():  # on a narrow terminal only the bar shrinks
        return Column(no_wrap=True)

    bar = Progress(TextColumn("{task.description}", table_column=fixed()),
                   BarColumn(bar_width=None),
                   TextColumn("{task.percentage:.0f}%", table_column=fixed()),
                   TimeRemainingColumn(table_column=fixed()), Speed(table_column=fixed()),
                   console=Console(stderr=True), speed_estimate_period=300)
    with bar:
        task = bar.add_task(title, total=None)
        started = False

        def report(done: int, total: int, row: dict | None = None) -> None:
            nonlocal started
            if started:
                bar.update(task, completed=done)
            else:  # excludes the earlier steps of a resumed run from the speed
                bar.reset(task, completed=done, total=total)
                started = True
            if row:
                bar.update(task, description=f"epoch {row['epoch']}: {_measures(row)}")

        yield report


@contextlib.contextmanager
def training(folder: Path, size: float, unit: str = "images", shown: bool = True
             ) -> Iterator[Callable | None]:
    """`steps` for a training in `folder`, with instructions to resume it after an interrupt.

    Yields None unless `shown`, for all processes but the first.
    """
    from zoo.runs.run_folder import CONFIG

    def instruction() -> str:
        if not (folder / CONFIG).exists():  # not started yet
            return f"go on with `{typed()}`"
        return f"go on with `{typed('--resume')}` (whole epochs are kept in {folder})"

    with interrupts.resumable(instruction), \
            steps("training", size, unit) if shown else contextlib.nullcontext() as report:
        yield report


def announce(what: str, place: torch.device, dtype: torch.dtype, resume: bool) -> None:
    """Print what starts or resumes, its device and its precision."""
    from zoo.system import distributed
    from zoo.system.device import slow_in

    count = distributed.size()
    processes = f" in {count} processes" if count > 1 else ""
    name = str(dtype).removeprefix("torch.")
    typer.echo(f"{what} on {place} in {name}{processes}", err=True)
    if slow_in(dtype, place) and not resume:
        typer.echo(f"note: this CPU has no {name} products; --precision float32 is faster",
                   err=True)


def _line(done: int, total: int, row: dict | None = None) -> None:
    if row:
        seconds = row["seconds"]
        speed = "".join(f", {row[unit] / seconds:,.0f} {unit}/s" for unit in ("images", "tokens")
                        if unit in row and seconds)
        print(f"epoch {row['epoch']}: {_measures(row, '.4f', 'accuracy ')}, {seconds:.1f} s{speed}",
              file=sys.stderr, flush=True)


def _measures(row: dict, digits: str = ".3f", name: str = "") -> str:
    """The metrics in a history row, in words."""
    words = [f"loss {row['train_loss']:{digits}}"]
    if "train_accuracy" in row:
        words.append(f"{name}{row['train_accuracy']:.1%}")
    if "valid_accuracy" in row:
        words.append(f"held out {row['valid_accuracy']:.1%}")
    if "valid_perplexity" in row:
        words.append(f"perplexity {row['valid_perplexity']:.2f}")
    if "rollbacks" in row:
        words.append(f"rolled back {len(row['rollbacks'])}x")
    return ", ".join(words)


@contextlib.contextmanager
def spinner() -> Iterator[Callable[[str], None]]:
    """Yields ``say(text)``, which shows a spinner with the text, or a line if not on a terminal.

    Writes to a duplicate of stderr, which stays visible while file descriptor 2 is redirected.
    """
    from rich.console import Console

    with os.fdopen(os.dup(2), "w", buffering=1) as stream:
        console = Console(file=stream, highlight=False)
        if not stream.isatty():
            yield lambda text: print(text, file=stream)
            return
        with console.status("") as status:
            yield status.update
