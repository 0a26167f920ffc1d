"""The recurrent supernet, plain beside fast: seconds of a search step and peak memory, in one run.

    python -m benchmarks.search_recurrent              # as published: batch 256, 35 steps, 300
    python -m benchmarks.search_recurrent --small      # a minute or two

A step is what a search does with a batch of each text: alphas, then weights, first and second
order.  The two forms take turns, so that a busy machine slows both.  CPU memory is the peak of a
process of its own, less what it held before the first step.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
import time

import torch
from rich.console import Console
from rich.table import Table

from search.bilevel import Bilevel
from search.recurrent import FastRecurrentCell, PlainRecurrentCell, RecurrentSupernet

FORMS = {"plain": PlainRecurrentCell, "fast": FastRecurrentCell}
# The dropouts and settings of the published search.
SETTINGS = {"dropout": 0.75, "dropout_embedding": 0.2, "dropout_hidden": 0.25,
            "dropout_input": 0.75, "slowness": 1e-3}


def step_of(form: str, order: int, sizes: argparse.Namespace):
    """A function that does one step, on random tokens."""
    torch.manual_seed(0)
    net = RecurrentSupernet(FORMS[form], sizes.vocabulary, sizes.hidden, **SETTINGS).to(
        sizes.device)
    bilevel = Bilevel(net, torch.optim.SGD(net.parameters(), 20.0, weight_decay=5e-7),
                      torch.optim.Adam(net.alphas.values(), 3e-3, weight_decay=1e-3), order, 0.25,
                      clip_unrolled=True, unmoved=[net.encoder.weight])
    shape = (sizes.time, sizes.columns)
    batches = [(tokens, targets.reshape(-1), net.initial_hidden(sizes.columns)) for tokens, targets
               in torch.randint(0, sizes.vocabulary, (2, 2, *shape), device=sizes.device)]

    def step() -> None:
        bilevel.step(*batches)
        if sizes.device == "cuda":
            torch.cuda.synchronize()

    return step


def seconds(order: int, sizes: argparse.Namespace) -> dict[str, list[float]]:
    """Of every timed step, by form."""
    steps = {form: step_of(form, order, sizes) for form in FORMS}
    taken: dict[str, list[float]] = {form: [] for form in FORMS}
    for number in range(sizes.steps + 1):
        for form, step in steps.items():
            start = time.perf_counter()
            step()
            if number:  # the first one warms up
                taken[form].append(time.perf_counter() - start)
    return taken


def peak(form: str, order: int, sizes: argparse.Namespace) -> float:
    """Bytes that a step needs at most."""
    if sizes.device == "cuda":
        step = step_of(form, order, sizes)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_here, (form, order, sizes))


def _peak_here(form: str, order: int, sizes: argparse.Namespace) -> float:
    torch.set_num_threads(sizes.threads)
    step = step_of(form, order, sizes)

    def resident() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    before = resident()
    step()
    return resident() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="8 time steps, 1000 words")
    parser.add_argument("--steps", type=int, default=5, help="timed steps of each form and order")
    parser.add_argument("--order", type=int, action="append", choices=[1, 2], default=[])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    sizes = parser.parse_args()
    sizes.columns, sizes.hidden = 256, 300
    sizes.time, sizes.vocabulary = (8, 1000) if sizes.small else (35, 10000)
    torch.set_num_threads(sizes.threads)
    progress = Console(stderr=True)
    where = (torch.cuda.get_device_name() if sizes.device == "cuda"
             else f"{sizes.threads} CPU threads")
    table = Table(title=f"Recurrent search step, batch {sizes.columns}, {sizes.time} time steps, "
                  f"hidden {sizes.hidden}, {sizes.vocabulary} words, {where}", title_justify="left")
    table.add_column("order")
    for column in ("plain s", "fast s", "plain / fast", "plain GB", "fast GB", "fast / plain"):
        table.add_column(column, justify="right")
    orders = sizes.order or [1, 2]
    progress.print("memory")  # first: a process inherits the peak of the one that started it
    memory = {order: {form: peak(form, order, sizes) / 1e9 for form in FORMS} for order in orders}
    for order in orders:
        progress.print(f"order {order}: seconds")
        taken = {form: statistics.median(values) for form, values in seconds(order, sizes).items()}
        needed = memory[order]
        table.add_row(str(order), f"{taken['plain']:.2f}", f"{taken['fast']:.2f}",
                      f"{taken['plain'] / taken['fast']:.2f}", f"{needed['plain']:.2f}",
                      f"{needed['fast']:.2f}", f"{needed['fast'] / needed['plain']:.2f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    main()
