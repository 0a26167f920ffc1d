"""What a running search shows: a live line on a terminal, else a line an epoch."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from search.history import duration

_SHORT = {"skip_connect": "skip", "max_pool_3x3": "max", "avg_pool_3x3": "avg",
          "sep_conv_3x3": "sep3", "sep_conv_5x5": "sep5", "dil_conv_3x3": "dil3",
          "dil_conv_5x5": "dil5"}
STEPS = 10  # after which the time of the whole run is estimated


def cell_line(row: dict) -> str:
    """The operations of the present cell: 'normal sep3*4 skip*2 dil3*2, reduce max*8'."""
    return ", ".join(
        f"{cell} " + " ".join(f"{_SHORT.get(name, name)}" + (f"*{count}" if count > 1 else "")
                              for name, count in counts.items())
        for cell, counts in row["operations"].items())


def row_line(row: dict, epochs: int) -> str:
    """A row of the history in one line."""
    parts = [f"epoch {row['epoch']}/{epochs}"]
    for split in ("train", "valid"):
        numbers = []
        if f"{split}_loss" in row:
            numbers.append(f"loss {row[f'{split}_loss']:.3f}")
        if row.get(f"{split}_accuracy") is not None:
            numbers.append(f"accuracy {row[f'{split}_accuracy']:.2%}")
        if row.get(f"{split}_perplexity") is not None:
            numbers.append(f"perplexity {row[f'{split}_perplexity']:.1f}")
        if numbers:
            parts.append(f"{split} " + " ".join(numbers))
    if row.get("entropy"):
        parts.append("entropy " + "/".join(f"{value:.2f}" for value in row["entropy"].values()))
    if "discretisation_gap" in row:
        text = "accuracy" in "".join(row) and f"{row['discretisation_gap']:+.1%}"
        parts.append(f"gap {text or format(row['discretisation_gap'], '+.1f')}")
    return "  ".join([*parts, cell_line(row)])


class Display:
    """Gets what `search.run.run` tells; `live` is what shows the line of the moment."""

    def __init__(self, say: Callable[[str], None], live: Callable[[int, int, str], None],
                 done: int = 0):
        self.say, self.live = say, live
        self.epoch, self.epochs, self.steps = done + 1, 0, 0
        self.began: float | None = None
        self.first_epoch = self.epoch
        self.last = ""

    def told(self, what: str, value) -> None:
        if what == "strategy":
            self.epochs = value.epochs
            for line in describe(value):
                self.say(line)
        elif what == "row":
            self.say(row_line(value, self.epochs))
            for warning in value.get("warnings", ()):
                self.say(f"  warning: {warning}")
            self.last = cell_line(value)
            self.epoch = value["epoch"] + 1

    def report(self, done: int, total: int, facts: dict) -> None:
        now = time.perf_counter()
        if self.began is None:
            self.began, self.offset = now, done
        past = (self.epoch - self.first_epoch) * total + done - self.offset
        left = (self.epochs - self.epoch + 1) * total - done
        if past == STEPS:
            each = (now - self.began) / past
            whole = each * (past + left)
            self.say(f"{each:.2f} s a step: about {duration(whole)} in all")
        shown = " ".join(f"{name.replace('_', ' ')} {value:.3f}" if isinstance(value, float)
                         else f"{name.replace('_', ' ')} {value}" for name, value in facts.items()
                         if value is not None)
        self.live((self.epoch - 1) * total + done, self.epochs * total,
                  f"epoch {self.epoch}/{self.epochs} step {done}/{total} {shown} {self.last}")


def describe(strategy) -> Iterator[str]:
    """What a run is going to cost, before its first step."""
    if not hasattr(strategy, "network"):
        cost = strategy.evaluator.cost
        count = strategy.settings.candidates
        yield (f"{count} candidates in {strategy.epochs} waves, {cost:,} {strategy.unit} each: "
               f"{count * cost:,} {strategy.unit}")
        return
    from search.estimate import free_memory, peak_memory

    steps = strategy.task.steps_in(1)
    yield (f"{strategy.epochs} epochs of {steps} steps; "
           f"{sum(p.numel() for p in strategy.network.parameters()):,} weights")
    need, free = peak_memory(strategy), free_memory(strategy.task.device)
    has = "" if free is None else f", {free / 1e9:.1f} GB are free"
    yield f"memory: about {need / 1e9:.2f} GB at the peak{has}"
    if free is not None and need > free:
        yield ("warning: this may not fit; take a smaller --batch-size, or fewer --channels or "
               "--layers")


@contextlib.contextmanager
def display(done: int) -> Iterator[Display]:
    """A live bar on a terminal, else lines only; all on stderr."""
    if not sys.stderr.isatty():
        yield Display(lambda line: print(line, file=sys.stderr, flush=True),
                      lambda *moment: None, done)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(BarColumn(bar_width=24), TextColumn("{task.percentage:.0f}%"),
                   TimeRemainingColumn(), TextColumn("{task.description}"),
                   console=Console(stderr=True, highlight=False))
    with bar:
        task = bar.add_task("", total=None)
        yield Display(lambda line: bar.console.print(line, markup=False, soft_wrap=True),
                      lambda at, of, text: bar.update(task, completed=at, total=of,
                                                      description=text), done)
