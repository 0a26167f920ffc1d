"""Training-free scores of all published cells, and their correlation with reported accuracy.

    python -m benchmarks.scores                     # a table of scores, and one of correlations
    python -m benchmarks.scores --scores nwot,swap  # selected scores

Image networks of 16 channels and 8 cells on 32 images of Gaussian noise, one seed; see `zoo score`.
The correlation is Spearman's with the CIFAR-10 accuracy that a cell's paper reports, if any.  The
papers' training settings differ, and a search had selected every cell.  The output file stores the
scores; an interrupted benchmark resumes.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import torch

from zoo import registry
from zoo.registry import CellRecord
from zoo.scores import BASELINES, SCORES, chosen
from zoo.scores.correlation import spearman
from zoo.scores.many import score_cells
from zoo.scores.scoring import CellScores, Setting

SETTING = Setting(channels=16, layers=8)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--scores", default=",".join(SCORES))
    options.add_argument("-o", "--output", type=Path, default=Path("runs/scores.jsonl"))
    given = options.parse_args()
    torch.set_num_threads(1)
    names = chosen([*BASELINES, *given.scores.split(",")])
    cells = [cell for cell in registry.records(kind="conv") if cell.origin == "published"]
    given.output.parent.mkdir(parents=True, exist_ok=True)

    def report(done: int, total: int) -> None:
        print(f"\r{done} of {total} cells", end="", file=sys.stderr, flush=True)

    found = score_cells([cell.genotype for cell in cells], SETTING, names, given.output,
                        {"data": "noise", "batch_size": 32}, report)
    print(file=sys.stderr)
    table(cells, found, names)
    print()
    correlations(cells, found, names)


def table(cells: list[CellRecord], found: list[CellScores], names: list[str]) -> None:
    """Print a row per cell."""
    print(f"| cell | {' | '.join(names)} | CIFAR-10 error, reported |")
    print("|---|" + "---:|" * (len(names) + 1))
    for cell, scores in zip(cells, found):
        values = " | ".join(_figure(scores.values[name]) for name in names)
        print(f"| {cell.name} | {values} | {cell.reported.get('cifar10_error', '')} |")


def correlations(cells: list[CellRecord], found: list[CellScores], names: list[str]) -> None:
    """Print a row per score, the highest correlation first."""
    accuracies = [-cell.reported.get("cifar10_error", math.nan) for cell in cells]
    rows = []
    for name in names:
        rows.append((name, spearman([one.values[name] for one in found], accuracies),
                     sum(one.seconds[name] for one in found) / len(found)))
    rows.sort(key=lambda row: -(row[1].value or 0))
    print("| score | Spearman | 95 % interval | cells | seconds per cell |")
    print("|---|---:|---|---:|---:|")
    for name, one, seconds in rows:
        if one.value is not None:
            print(f"| `{name}` | {one.value:.2f} | {one.low:.2f} to {one.high:.2f} | {one.count} | "
                  f"{seconds:.2f} |")


def _figure(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
