"""A step of the supernet, reference against fused: seconds and peak memory in one run.

    python -m benchmarks.search                            # CIFAR shapes, batch 64, C=16, 8 cells
    python -m benchmarks.search --space recurrent          # batch 256, 35 steps, 300
    python -m benchmarks.search --batch 8 --order 1        # half a minute
    python -m benchmarks.search --device cuda --precision bfloat16
    python -m benchmarks.search --form merged              # one form alone

A step updates the alphas on a batch of one half of the data, then the weights on a batch of the
other, first and second order.  The forms take turns, so that a busy machine slows all of them.  CPU
memory is the peak of a separate process, minus its memory before the first step.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import multiprocessing
import resource
import statistics
import sys
import time

import torch
from rich.console import Console
from rich.table import Table

from search.supernets.bilevel import Bilevel
from search.supernets.conv import Supernet
from search.supernets.conv_fused import MergedCell
from search.supernets.conv_reference import PlainCell
from search.supernets.recurrent import FastRecurrentCell, PlainRecurrentCell, RecurrentSupernet
from search.tasks import domain
from zoo.system.cuda_graph import CapturedStep

# Ratios are relative to the first form.
FORMS = {"conv": {"plain": PlainCell, "plain, channels last": PlainCell, "merged": MergedCell},
         "recurrent": {"plain": PlainRecurrentCell, "fast": FastRecurrentCell}}
REPLAYED = ", CUDA graph"  # added to the name of the last form on a GPU
VOCABULARY = 10000


def forms(sizes: argparse.Namespace) -> dict:
    """The cell of each form to measure."""
    found = FORMS[sizes.space]
    last = list(found)[-1]
    found = found | ({last + REPLAYED: found[last]} if sizes.device == "cuda" else {})
    return {form: cell for form, cell in found.items() if form in (sizes.form or found)}


def step_of(form: str, order: int, sizes: argparse.Namespace):
    """A function that takes one step of the published search on random data."""
    torch.manual_seed(0)
    settings = domain(sizes.space).supernets["paper"]
    cell = forms(sizes)[form]
    if sizes.space == "conv":
        network = Supernet(cell, settings.channels, settings.layers).to(sizes.device)
        if form.endswith("channels last"):
            network.memory_format = torch.channels_last
        batches = [(torch.randn(sizes.batch, 3, 32, 32, device=sizes.device),
                    torch.randint(10, (sizes.batch,), device=sizes.device)) for _ in range(2)]
        options = {}
    else:
        network = RecurrentSupernet(
            cell, VOCABULARY, settings.hidden, **settings.dropouts(),
            tar_weight=settings.tar_weight).to(sizes.device)
        shape = (2, 2, settings.bptt, sizes.batch)
        batches = [(tokens, targets.reshape(-1), network.initial_hidden(sizes.batch))
                   for tokens, targets in torch.randint(VOCABULARY, shape, device=sizes.device)]
        options = {"clip_unrolled": True, "unmoved": [network.encoder.weight]}
    if sizes.precision == "bfloat16":
        options["autocast"] = functools.partial(torch.autocast, sizes.device, torch.bfloat16)
    bilevel = Bilevel(
        network, torch.optim.SGD(network.parameters(), settings.learning_rate, settings.momentum,
                                 weight_decay=settings.weight_decay),
        torch.optim.Adam(network.alphas.values(), settings.alpha_learning_rate,
                         settings.alpha_betas, weight_decay=settings.alpha_weight_decay,
                         capturable=sizes.device == "cuda"),
        order, settings.clip_norm, **options)

    (train, valid), width = batches, len(batches[0])

    def both(*tensors) -> tuple:
        outcomes = bilevel.step(tensors[:width], tensors[width:])
        return tuple(outcome.loss.detach() for outcome in outcomes)

    one = (CapturedStep(both, torch.device(sizes.device)) if form.endswith(REPLAYED) else both)

    def step() -> None:
        one(*train, *valid)
        if sizes.device == "cuda":
            torch.cuda.synchronize()

    return step


def seconds(order: int, sizes: argparse.Namespace) -> dict[str, float]:
    """Median of the timed steps, by form."""
    steps = {form: step_of(form, order, sizes) for form in forms(sizes)}
    taken: dict[str, list[float]] = {form: [] for form in steps}
    warm_up = 5 if sizes.device == "cuda" else 1
    for number in range(sizes.steps + warm_up):
        for form, step in steps.items():
            start = time.perf_counter()
            step()
            if number >= warm_up:
                taken[form].append(time.perf_counter() - start)
    return {form: statistics.median(values) for form, values in taken.items()}


def peak(form: str, order: int, sizes: argparse.Namespace) -> float:
    """Peak bytes of a step."""
    if sizes.device == "cuda":
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated()
        step = step_of(form, order, sizes)
        torch.cuda.reset_peak_memory_stats()
        for _ in range(5 if form.endswith(REPLAYED) else 1):  # including the graph's memory
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
    parser.add_argument("--space", choices=FORMS, default="conv")
    parser.add_argument("--batch", type=int, help="images or columns; default: as published")
    parser.add_argument("--steps", type=int, default=3, help="timed steps of each form and order")
    parser.add_argument("--order", type=int, action="append", choices=[1, 2], default=[])
    parser.add_argument("--form", action="append", help="plain, merged, ...; default: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    sizes = parser.parse_args()
    if not forms(sizes):
        parser.error(f"unknown form {sizes.form[0]!r}")
    sizes.batch = sizes.batch or domain(sizes.space).supernets["paper"].batch_size
    torch.set_num_threads(sizes.threads)
    progress = Console(stderr=True)
    where = (torch.cuda.get_device_name() if sizes.device == "cuda"
             else f"{sizes.threads} CPU threads")
    what = ("32x32 images, 16 channels, 8 cells" if sizes.space == "conv"
            else f"35 time steps, hidden 300, {VOCABULARY} words")
    table = Table(title=f"Search step, batch {sizes.batch}, {what}, {sizes.precision}, {where}",
                  title_justify="left")
    for column in ("order", "form", "s", "times faster", "peak GB", "of the memory"):
        table.add_column(column, justify="left" if column == "form" else "right")
    orders = sizes.order or [1, 2]
    progress.print("memory")  # first, since a process inherits the peak of its parent
    memory = {order: {form: peak(form, order, sizes) / 1e9 for form in forms(sizes)}
              for order in orders}
    for order in orders:
        progress.print(f"order {order}: seconds")
        taken = seconds(order, sizes)
        (_, slow), (_, large) = next(iter(taken.items())), next(iter(memory[order].items()))
        for form, took in taken.items():
            table.add_row(str(order), form, f"{took:.4f}", f"{slow / took:.1f}",
                          f"{memory[order][form]:.2f}", f"{memory[order][form] / large:.2f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
