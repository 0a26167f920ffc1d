"""Strategies on a table at equal budgets, over many seeds, compared with published means.

    python -m benchmarks.table_search nas-bench-201.csv

Mellor et al. 2021 (arXiv 2006.04647, table 2) quote from Dong & Yang 2020 the mean test accuracy on
CIFAR-10 of searches on NAS-Bench-201 by validation accuracy after 12 epochs; their 12,000 seconds
cover about 95 cells.
You provide the table.  Each strategy is a run in the output folder; an interrupted benchmark
resumes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from search.reporting.table_plot import plot_tables
from search.strategies import STRATEGIES
from search.tables.config import TableOptions, plan
from search.tables.folder import SUMMARY
from search.tables.rows import RANDOM, SEEDS, read_rows
from search.tables.run import read_config, run, start
from search.tables.summary import of_seeds, paired

#: 200-epoch test accuracy on CIFAR-10, mean and standard deviation.
PUBLISHED = {"random": (93.70, 0.36), "evolution": (93.92, 0.30), "reinforce": (93.85, 0.37)}


def main() -> None:
    options = of_a_table(__doc__)
    options.add_argument("--strategies", nargs="+", default=[
        name for name, entry in STRATEGIES.items()
        if not entry.shares_weights and entry.table_settings() is not None])
    options.add_argument("-o", "--output", type=Path)
    chosen = options.parse_args()
    output = chosen.output or Path("runs") / f"table-{chosen.table.stem}-{chosen.budget}"
    print(f"{chosen.table.name}: {chosen.budget} cells by {chosen.look_at}, judged by "
          f"{chosen.judge_by}, {chosen.seeds} seeds\n")
    print("| strategy | mean | std | 95 % interval | published | regret | over random | p | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for strategy in chosen.strategies:
        began = time.perf_counter()
        folder = output / strategy
        if not (folder / SUMMARY).exists():
            if not folder.exists():
                config, _ = plan(TableOptions(
                    chosen.table, strategy, chosen.look_at, chosen.judge_by, 0, chosen.seeds,
                    chosen.budget))
                start(folder, config)
            run(folder)
        print(line(folder, time.perf_counter() - began), flush=True)
    runs = [(output / name, read_config(output / name)) for name in chosen.strategies]
    print(f"\ncurves: {plot_tables(runs, output / 'curves.svg')}")


def of_a_table(description: str | None) -> argparse.ArgumentParser:
    """A parser of the table that a benchmark searches, its columns and the size of a search."""
    options = argparse.ArgumentParser(description=description,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("table", type=Path)
    options.add_argument("--look-at", default="cifar10_valid_12")
    options.add_argument("--judge-by", default="cifar10_test_200")
    options.add_argument("--budget", type=int, default=95, help="cells per search")
    options.add_argument("--seeds", type=int, default=500)
    return options


def line(folder: Path, seconds: float) -> str:
    """A row of the table; the last column is the time of the strategy and of random search."""
    config = read_config(folder)
    rows = read_rows(folder / SEEDS, config)
    found = of_seeds(rows)
    comparable = config.judge_by == "cifar10_test_200"
    mean, deviation = PUBLISHED.get(config.strategy if comparable else "", (None, None))
    published = "" if mean is None else f"{mean:.2f} ± {deviation:.2f}"
    over, p = "", ""
    if config.strategy != "random":
        difference = paired(rows, read_rows(folder / RANDOM, config))
        low, high = difference["interval"]
        over, p = f"{difference['difference']:+.2f} ({low:+.2f} to {high:+.2f})", (
            f"{difference['p']:.0e}")
    low, high = found["interval"]
    return (f"| {config.strategy} | {found['mean']:.2f} | {found['deviation']:.2f} | {low:.2f} to "
            f"{high:.2f} | {published} | {found['regret']:.2f} | {over} | {p} | {seconds:.0f} |")


if __name__ == "__main__":
    main()
