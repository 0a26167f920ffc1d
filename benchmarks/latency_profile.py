"""Latencies of random cells, predicted by a profile and measured.

    python -m benchmarks.latency_profile --runtime onnxruntime,tfjs:wasm,litert:wasm
    python -m benchmarks.latency_profile --runtime litert:wasm --space nasbench201

The graphs of the profile and the networks of random cells are exported and timed in turn, in the
same batches, on one thread.  Some cells are measured twice: the difference is the noise that no
prediction can be better than.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from export.profile.design import Graph, graphs, network
from export.profile.fit import fit
from export.profile.measure import batches, check, machine, one_backend
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import ConvSpace
from zoo.latency.profile import Profile
from zoo.latency.sizes import Sizes

SPACES = {"conv": ConvSpace(), "nasbench201": NasBench201Space()}
_AGAIN = ", again"


@dataclass(frozen=True)
class Line:
    """The agreement of predictions and measurements in a runtime.  `noise` is the median difference
    of two measurements of a cell, `export_seconds` the time per network to export it."""

    runtime: str
    fastest_ms: float
    slowest_ms: float
    spearman: float
    kendall: float
    median_error: float
    error_90: float
    noise: float
    noise_spearman: float
    profile_seconds: float
    cells_seconds: float


def compare(text: str, sizes: Sizes, cells: int, repeated: int, runs: int, seed: int) -> Line:
    """Predict and measure `cells` random cells in a runtime, `repeated` of them twice."""
    selected, rng = one_backend(text), random.Random(seed)
    check(sizes, selected)
    drawn: dict[str, Graph] = {}
    while len(drawn) < cells:
        genotype = SPACES[sizes.kind].sample(rng)
        drawn.setdefault(str(genotype), network(f"cell {len(drawn)}", sizes, genotype))
    tests = list(drawn.values())
    again = [network(graph.name + _AGAIN, sizes, graph.genotypes[0]) for graph in tests[:repeated]]
    own = graphs(sizes)
    samples: dict[str, float] = {}
    start = time.perf_counter()
    for batch in batches([*own, *tests, *again], samples, sizes, selected, 1, runs,
                         lambda done, total, what: None):
        samples |= batch
        print(f"{text}: {len(samples)} of {len(own) + len(tests) + len(again)} graphs, "
              f"{time.perf_counter() - start:.0f} s", flush=True)
    entries, rest = fit(own, samples, sizes)
    profile = Profile(
        runtime=selected.runtime.name, backend=selected.backends[0], threads=1, machine=machine(),
        runs=runs, network=sizes, rest=rest, entries=entries)
    predicted = np.array([profile.predict(graph.genotypes[0]) for graph in tests])
    measured = np.array([samples[graph.name] for graph in tests])
    errors = np.abs(predicted / measured - 1)
    first = measured[:repeated]
    second = np.array([samples[graph.name] for graph in again])
    # Exporting and timing take about in proportion to the number of operations, a cell being one.
    work = {graph.name: len(graph.places) + sum(graph.features(sizes).values())
            for graph in [*own, *tests, *again]}
    share = (time.perf_counter() - start) / sum(work.values())
    return Line(
        f"{selected.runtime.title} {selected.backends[0]}", float(measured.min()),
        float(measured.max()), float(stats.spearmanr(predicted, measured)[0]),
        float(stats.kendalltau(predicted, measured)[0]), float(np.median(errors)),
        float(np.quantile(errors, 0.9)), float(np.median(np.abs(second / first - 1))),
        float(stats.spearmanr(first, second)[0]), share * sum(work[each.name] for each in own),
        share * sum(work[each.name] for each in tests))


def table(lines: Sequence[Line]) -> str:
    """A Markdown table with a row per runtime."""
    rows = [["runtime", "ms", "Spearman", "Kendall", "median error", "90 % of errors below",
             "measured twice", "profile s", "cells s"], ["---", *["---:"] * 8]]
    rows += [[line.runtime, f"{line.fastest_ms:.2f} to {line.slowest_ms:.2f}",
              f"{line.spearman:.3f}", f"{line.kendall:.3f}", f"{line.median_error:.1%}",
              f"{line.error_90:.1%}", f"{line.noise:.1%}", f"{line.profile_seconds:.0f}",
              f"{line.cells_seconds:.0f}"] for line in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runtime", default="onnxruntime,tfjs:wasm,litert:wasm",
                        help="NAME:BACKEND, separated by commas")
    parser.add_argument("--space", choices=list(SPACES), default="conv")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--repeated", type=int, default=10, help="cells that are measured twice")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file to write, a line per runtime")
    options = parser.parse_args()
    sizes = Sizes(kind=options.space, channels=options.channels, layers=options.layers,
                  size=options.size, classes=10)
    lines = []
    for text in options.runtime.split(","):
        lines.append(compare(text, sizes, options.cells, options.repeated, options.runs,
                             options.seed))
        if options.json:
            with options.json.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(lines[-1])) + "\n")
    print(f"\n{options.cells} random {sizes.kind} cells, {sizes.channels} channels, {sizes.layers} "
          f"layers, {sizes.size}x{sizes.size}: {machine()}\n")
    print(table(lines))


if __name__ == "__main__":
    main()
