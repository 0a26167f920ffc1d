"""Which variants of DARTS avoid its collapse?  Several seeds, judged by a table.

    python -m benchmarks.darts_variants --table nas-bench-201.csv --path CIFAR10 --images 5000
    python -m benchmarks.darts_variants --table nas-bench-201.csv --tiny     # digits, minutes

Each variant searches NAS-Bench-201 with a small supernet; the accuracy of the cell of the *last*
epoch, even if the run keeps another, is looked up in the table (Dong & Yang 2020, arXiv 2001.00326,
where DARTS ends at 54.30 %, all skip connections).  An interrupted benchmark resumes.  `--path`
holds train.parquet and test.parquet; without it the data is digits.  `--images` limits the training
images, balanced over the classes.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.search_against_random import subset

#: (strategy, settings) of each variant.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "darts": ("darts", {}),
    "darts, order 2": ("darts", {"order": 2}),
    "darts, perturbation": ("darts", {"select": "perturbation"}),
    "drnas": ("drnas", {}),
    "sdarts-rs": ("sdarts-rs", {}),
    "beta-darts": ("beta-darts", {}),
    "fair-darts": ("fair-darts", {}),
    "p-darts": ("p-darts", {}),
    "gdas": ("gdas", {}),
}
EPOCHS = 18
SIZES = {"channels": 8, "layers": 3, "epochs": EPOCHS, "batch_size": 64, "learning_rate": 0.05,
         "alpha_learning_rate": 2.5e-2}
TINY = {"channels": 4, "layers": 3, "epochs": 3, "batch_size": 256}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--table", type=Path, required=True, help="CSV file of NAS-Bench-201")
    options.add_argument("--column", default="cifar10_test_200")
    options.add_argument("--path", type=Path, help="folder of CIFAR-10; default: digits")
    options.add_argument("--images", type=int, help="number of training images")
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    options.add_argument("--epochs", type=int, default=EPOCHS)
    options.add_argument("--tiny", action="store_true", help="three epochs, as a smoke test")
    options.add_argument("--device", default="cpu")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("-o", "--output", type=Path, default=Path("runs/darts-variants"))
    chosen = options.parse_args()
    from search.tables.truth import read_truth

    truth = read_truth(chosen.table, chosen.column, chosen.column)  # fail before the searches
    os.environ["GENOTYPE_ZOO_DATA"] = str(chosen.output / "zoo")
    torch.set_num_threads(chosen.threads)
    path = chosen.path
    if path and chosen.images:
        path = subset(path, chosen.output / f"data-{chosen.images}", chosen.images)
    sizes = TINY if chosen.tiny else SIZES | {"epochs": chosen.epochs}
    runs = {variant: [searched(chosen.output, variant, seed, path, sizes, chosen)
                      for seed in chosen.seeds] for variant in chosen.variants}
    print_table(runs, truth)


def searched(output: Path, variant: str, seed: int, path: Path | None, sizes: dict[str, Any],
             chosen: argparse.Namespace):
    """Run or resume one search; return its finished record."""
    from search import runner
    from search.config import SearchOptions, plan
    from search.reporting.history import read_run

    strategy, settings = VARIANTS[variant]
    folder = output / f"{variant.replace(', ', '-').replace(' ', '-')}-{seed}"
    if not (folder / "config.json").exists():
        runner.start(folder, plan(SearchOptions(
            strategy=strategy, space="nasbench201", data="cifar10" if path else "digits", path=path,
            preset="quick", seed=seed, device=chosen.device, threads=chosen.threads,
            changes=sizes | settings))[0])
    print(folder, file=sys.stderr, flush=True)
    runner.run(folder)
    return read_run(folder)


def print_table(runs: dict[str, list], truth) -> None:
    """Print a row per variant: mean and standard deviation over the seeds, and each seed."""
    from statistics import mean, stdev

    from search.spaces.collapse import warnings
    from zoo.genotypes.serialization import from_dict

    print(f"| variant | {truth.judge_by} of the last epoch's cell | skip connections of 6 | "
          "collapsed | seconds |")
    print("|---|---:|---:|---:|---:|")
    for variant, records in runs.items():
        last = [record.rows[-1] for record in records]
        cells = [from_dict(row["genotype"]) for row in last]
        scores = [truth.judged[cell] for cell in cells]
        spread = f" ± {stdev(scores):.2f}" if len(scores) > 1 else ""
        skips = mean(row["skip_connections"]["cell"] for row in last)
        print(f"| {variant} | {mean(scores):.2f}{spread} "
              f"({', '.join(f'{score:.2f}' for score in scores)}) | {skips:.1f} | "
              f"{sum(bool(warnings(cell)) for cell in cells)} of {len(last)} | "
              f"{mean(record.total_seconds for record in records):.0f} |")
    print(f"\nBest cell of the table: {truth.judged[truth.best]:.2f}.")


if __name__ == "__main__":
    main()
