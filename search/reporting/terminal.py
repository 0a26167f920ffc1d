"""The progress of a running search: two live lines on a terminal, and one line per epoch."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from search.reporting.history import duration

if TYPE_CHECKING:
    from search.strategies.one_shot import OneShot
    from search.strategies.sampled import SampleStrategy

_SHORT = {"skip_connect": "skip", "max_pool_3x3": "max", "avg_pool_3x3": "avg",
          "sep_conv_3x3": "sep3", "sep_conv_5x5": "sep5", "dil_conv_3x3": "dil3",
          "dil_conv_5x5": "dil5"}
_WIDE = 100  # terminal columns that leave room for a progress bar
_SECONDS = 1 / 8  # between two updates of the live lines
STEPS = 10  # steps before the duration of the whole run is estimated


def cell_line(row: dict[str, Any]) -> str:
    """The operations of the current cell: 'normal sep3*4 skip*2 dil3*2, reduce max*8'."""
    return ", ".join(
        f"{cell} " + " ".join(f"{_SHORT.get(name, name)}" + (f"*{count}" if count > 1 else "")
                              for name, count in counts.items())
        for cell, counts in row["operations"].items())


def row_line(row: dict[str, Any], epochs: int) -> str:
    """A row of the history in one line."""
    parts = [f"epoch {row['epoch']}/{epochs}", _scores(row, "train"), _scores(row, "valid")]
    if row.get("entropy"):
        parts.append("entropy " + "/".join(f"{value:.2f}" for value in row["entropy"].values()))
    if row.get("discretisation_gap") is not None:
        form = "+.1%" if "valid_accuracy" in row else "+.1f"
        parts.append(f"gap {row['discretisation_gap']:{form}}")
    return "  ".join(filter(None, [*parts, cell_line(row)]))


def _scores(row: dict[str, Any], split: str) -> str:
    """The metrics that the row has: 'valid loss 0.729 accuracy 78.44%'."""
    forms = {"loss": "{:.3f}", "accuracy": "{:.2%}", "perplexity": "{:.1f}"}
    found = [f"{name} {form.format(row[f'{split}_{name}'])}" for name, form in forms.items()
             if row.get(f"{split}_{name}") is not None]
    return " ".join([split, *found]) if found else ""


class Display:
    """Shows the events and the progress of `search.runner.run`.

    `say` prints a line, `live` shows (share done, live lines).
    """

    def __init__(self, say: Callable[[str], None], live: Callable[[float, list[str]], None]
                 ) -> None:
        self.say, self.live = say, live
        self.done = self.first = self.epochs = 0
        self.unit, self.loss, self.scores, self.cell = "step", "", "", ""
        self.began: float | None = None
        self.offset = 0
        self.estimated = False

    def on_event(self, what: str, value: Any) -> None:
        """`value` is an epoch for "done", a strategy for "strategy", and a row for "row"."""
        if what == "done":
            self.done = self.first = value
        elif what == "strategy":
            self.epochs = value.epochs
            self.unit = "step" if hasattr(value, "network") else "candidate"
            for line in describe(value):
                self.say(line)
        elif what == "row":
            self.say(row_line(value, self.epochs))
            for warning in value.get("warnings", ()):
                self.say(f"  warning: {warning}")
            # Shorter than in the row, to fit eighty columns.
            self.scores = _scores(value, "valid").replace("loss ", "").replace("accuracy", "acc")
            self.cell = cell_line(value)
            self.done = value["epoch"]

    def report(self, done: int, total: int, facts: dict[str, Any]) -> None:
        """Update the live lines after a step or a candidate."""
        now = time.perf_counter()
        if self.began is None:
            self.began, self.offset = now, done
        past = (self.done - self.first) * total + done - self.offset
        left = (self.epochs - self.done) * total - done
        each = (now - self.began) / past if past > 0 else None
        if each is not None and past >= STEPS and not self.estimated:
            self.estimated = True
            total_time = duration(each * (past + left))
            self.say(f"{each:.2f} s per {self.unit}: about {total_time} in total"
                     + (", without validation" if self.unit == "step" else ""))
        if "train_loss" in facts:
            self.loss = f"loss {facts['train_loss']:.3f}"
        parts = (f"{_clock(each * left)} left" if each else "",
                 f"epoch {self.done + 1}/{self.epochs} {self.unit} {done}/{total}",
                 self.loss, self.scores)
        self.live((self.done * total + done) / (self.epochs * total),
                  ["  ".join(filter(None, parts)), self.cell])


def _count(number: int, of: str) -> str:
    return f"{number:,} {of}" + "s" * (number != 1)


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def describe(strategy: OneShot | SampleStrategy) -> Iterator[str]:
    """Lines on the cost of a run, before its first step."""
    from search.strategies.sampled import SampleStrategy

    if isinstance(strategy, SampleStrategy):
        cost = strategy.evaluator.cost
        count = strategy.settings.candidates
        yield (f"{_count(count, 'candidate')} in {_count(strategy.epochs, 'wave')}, {cost:,} "
               f"{strategy.unit} each: {count * cost:,} {strategy.unit}")
        return
    from search.reporting.memory import peak_memory
    from zoo.system.memory import free_memory, in_words

    steps = strategy.task.steps_in(1)
    yield (f"{_count(strategy.epochs, 'epoch')} of {_count(steps, 'step')}; "
           f"{sum(p.numel() for p in strategy.network.parameters()):,} parameters")
    need, free = peak_memory(strategy), free_memory(strategy.task.device)
    has = "" if free is None else f", {in_words(free)} free"
    yield f"peak memory: about {in_words(need)}{has}"
    if free is not None and need > free:
        yield ("warning: this may not fit; use a smaller --batch-size, or fewer --channels or "
               "--layers")


@contextlib.contextmanager
def display(shown: bool = True) -> Iterator[Display]:
    """Show two live lines on a terminal, else one line per epoch; all on stderr.

    With `shown` false, as in all processes but the first, nothing is printed.
    """
    if not shown or not sys.stderr.isatty():
        yield Display(lambda line: print(line, file=sys.stderr, flush=True) if shown else None,
                      lambda share, lines: None)
        return
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    shown_at = -math.inf
    # Refreshed by the steps, not by a timer thread, so the first one is always shown.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        def show(share: float, lines: list[str]) -> None:
            nonlocal shown_at
            first, *others = [Text(line, no_wrap=True, overflow="ellipsis") for line in lines]
            row = Table.grid(padding=(0, 1))
            bar = [ProgressBar(1, share, width=console.width // 6)] * (console.width >= _WIDE)
            row.add_row(*bar, f"{share:.0%}", first)
            due = time.perf_counter() - shown_at >= _SECONDS
            if due:
                shown_at = time.perf_counter()
            live.update(Group(row, *others), refresh=due)

        yield Display(lambda line: console.print(
            line, markup=False, style="yellow" if "warning: " in line else None), show)
