"""Fronts of accuracy and latency on a table: their hypervolume relative to the true front's.

    python -m benchmarks.table_fronts --table nas-bench-201.csv

Each search looks at the validation accuracy after 12 epochs; its front is judged by the test
accuracy after 200.  You provide the table.  Each search is a run in the output folder; an
interrupted benchmark resumes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from search.reporting.table_text import read_summary
from search.tables.config import TableOptions, plan
from search.tables.run import run, start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--table", type=Path, required=True)
    options.add_argument("--look-at", default="cifar10_valid_12")
    options.add_argument("--judge-by", default="cifar10_test_200")
    options.add_argument("--objectives", nargs="+", default=["latency_pixel3", "latency_raspi4"])
    options.add_argument("--strategies", nargs="+", default=["evolution"],
                         help="beside random search, with the same seeds")
    options.add_argument("--budgets", nargs="+", type=int, default=[100, 300],
                         help="cells per search")
    options.add_argument("--seeds", type=int, default=100)
    options.add_argument("--set", nargs="*", default=[], metavar="NAME=NUMBER",
                         help="settings of the strategies")
    options.add_argument("-o", "--output", type=Path)
    chosen = options.parse_args()
    output = chosen.output or Path("runs") / f"fronts-{chosen.table.stem}"
    given = {name: int(value) for name, value in (each.split("=") for each in chosen.set)}
    print(f"{chosen.table.name}: by {chosen.look_at}, judged by {chosen.judge_by}, "
          f"{chosen.seeds} seeds\n")
    print("| objective | cells | strategy | hypervolume | 95 % interval | over random | p | s |")
    print("|---|---:|---|---:|---|---|---:|---:|")
    for objective in chosen.objectives:
        for budget in chosen.budgets:
            for strategy in chosen.strategies:
                folder = output / "-".join([strategy, objective, str(budget), *chosen.set])
                began = time.perf_counter()
                if not folder.exists():
                    config, _ = plan(TableOptions(
                        chosen.table, strategy, chosen.look_at, chosen.judge_by, 0, chosen.seeds,
                        budget, given, [objective]))
                    start(folder, config)
                run(folder)
                print(lines(folder, objective, budget, strategy, time.perf_counter() - began),
                      flush=True)


def lines(folder: Path, objective: str, budget: int, strategy: str, seconds: float) -> str:
    """A row of the table for the strategy, and one for its random search; the last column is the
    time of both."""
    summary = read_summary(folder)
    assert summary is not None  # the run is finished
    rows = []
    for name, key in ((strategy, "found"), ("random", "random")):
        found, over, p = summary[key]["hypervolume"], "", ""
        if key == "found":
            difference = summary["against_random"]["hypervolume"]
            low, high = difference["interval"]
            over = f"{difference['difference']:+.4f} ({low:+.4f} to {high:+.4f})"
            p = f"{difference['p']:.0e}"
        low, high = found["interval"]
        rows.append(f"| {objective} | {budget} | {name} | {found['mean']:.4f} | {low:.4f} to "
                    f"{high:.4f} | {over} | {p} | {f'{seconds:.0f}' if key == 'found' else ''} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
