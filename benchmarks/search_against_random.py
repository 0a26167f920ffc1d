"""Does a search beat chance?  Searches and random cells at equal cost, over several seeds.

    python -m benchmarks.search_against_random --data digits --seeds 0 1 2 3 4 5
    python -m benchmarks.search_against_random --data cifar10 --path FOLDER --images 5000 \\
        --search-epochs 10

The question of Li & Talwalkar 2019 (arXiv 1902.07638). Searches per seed: first-order DARTS; with
as many training images, random cells, a training-free search, and evolution with a warm start;
with as many CPU seconds (on one thread, so machine load does not matter), random cells. Each cell
found is trained from scratch with one recipe and evaluated on the test images, which no search
sees. Below the table are the differences from random cells, paired by seed. The cells are
registered in the output folder; an interrupted benchmark resumes. `--path` holds train.parquet and
test.parquet; `--images` limits the training images, balanced over the classes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import torch

SEARCHES = {"darts": "DARTS, first order", "random-images": "random cells, equal images",
            "training-free": "training-free, equal images",
            "warm-evolution": "evolution, warm start, equal images",
            "random-seconds": "random cells, equal seconds"}
SCORES, SCORED = "nwot,l2_norm", 200  # scores of a training-free start, and cells scored
# Settings of the supernet, of a candidate's training, and of the final training.
SIZES = {
    "digits": {"search": {"epochs": 20}, "candidate": {"epochs": 2},
               "final": {"epochs": 30, "drawings": 0, "channels": 8, "layers": 5}},
    "cifar10": {"search": {"channels": 8, "layers": 3, "epochs": 3, "learning_rate": 0.05,
                           "alpha_learning_rate": 5e-2},
                "candidate": {"epochs": 1, "channels": 8, "layers": 3, "batch_size": 64,
                              "learning_rate": 0.05, "cutout": 0},
                "final": {"epochs": 5, "channels": 8, "layers": 5, "batch_size": 64,
                          "learning_rate": 0.05, "drop_path": 0.0, "cutout": 0,
                          "auxiliary_weight": 0.0}},
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", choices=SIZES, default="digits")
    options.add_argument("--path", type=Path)
    options.add_argument("--images", type=int, help="number of training images")
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--search-epochs", type=int, help="epochs of DARTS; the others get as "
                         "many images")
    options.add_argument("--scored", type=int, default=SCORED,
                         help="cells to score without training")
    options.add_argument("--upto", choices=SEARCHES, default=list(SEARCHES)[-1],
                         help="last kind of search to run")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("-o", "--output", type=Path)
    chosen = options.parse_args()
    folder = chosen.output or Path("runs") / f"against-random-{chosen.data}"
    os.environ["GENOTYPE_ZOO_DATA"] = str(folder / "zoo")
    torch.set_num_threads(chosen.threads)

    if chosen.search_epochs:
        SIZES[chosen.data]["search"]["epochs"] = chosen.search_epochs
    path = chosen.path
    if chosen.images:
        path = subset(path, folder / f"data-{chosen.images}", chosen.images)
    records = []
    seconds_of = {}
    for seed in chosen.seeds:
        for kind in list(SEARCHES)[:list(SEARCHES).index(chosen.upto) + 1]:
            record = searched(folder / f"{kind}-{seed}", kind, chosen.data, path, seed, seconds_of,
                              chosen.scored)
            trained(record, chosen.data, path)
            records.append(record.folder)
    table(records)


def searched(folder: Path, kind: str, data: str, path: Path | None, seed: int, seconds: dict,
             scored: int):
    """Run or resume the search in `folder`; return its finished record."""
    from search import runner
    from search.config import SearchOptions, plan
    from search.reporting.history import read_run

    sizes = SIZES[data]
    if not (folder / "config.json").exists():
        wanted = SearchOptions(data=data, path=path, seed=seed, preset="quick", device="cpu",
                              changes=sizes["search"])
        if kind != "darts":
            wanted.strategy, wanted.changes = "random", sizes["candidate"]
            if kind != "random-seconds":
                wanted.budget = seconds["images"]
            if kind in ("training-free", "warm-evolution"):
                wanted.given = {"scores": SCORES, "scored": scored}
                wanted.strategy = kind.removeprefix("warm-")
            if kind == "warm-evolution":
                population = max(1, min(4, seconds["cells"] // 2))
                wanted.changes = wanted.changes | {"warm_start": "training-free"}
                wanted.given |= {"population": population, "sample": min(2, population), "wave": 1}
            elif kind == "random-seconds":  # as many as fit into the CPU time of DARTS
                wanted.changes = wanted.changes | {
                    "candidates": max(1, round(seconds["darts"] / seconds["candidate"]))}
        runner.start(folder, plan(wanted)[0])
    print(f"{folder}", file=sys.stderr, flush=True)
    began, file = time.process_time(), folder / "cpu_seconds.json"
    finished = read_run(folder).finished
    before = json.loads(file.read_text()) if file.exists() else 0.0
    try:
        runner.run(folder, workers=1)
    finally:  # an interrupted run adds its time when it is resumed
        if not finished:
            file.write_text(json.dumps(round(before + time.process_time() - began, 1)))
    took, record = json.loads(file.read_text()), read_run(folder)
    if kind == "darts":
        seconds.setdefault("darts", took)
        seconds["images"] = record.cost[-1]
    elif kind == "random-images":
        seconds["cells"] = sum(len(row["candidates"]) for row in record.rows)
        seconds.setdefault("candidate", took / seconds["cells"])
    return record


def trained(record, data: str, path: Path | None) -> None:
    """Train the found cell from scratch; a finished training only has its options checked."""
    import zoo
    from zoo.data.images import load
    from zoo.recipes.image import recipe
    from zoo.training.classification import train

    folder = record.folder / "trained"
    genotype = zoo.parse((record.folder / "genotype.json").read_text())
    settings = recipe(data).but(**SIZES[data]["final"])
    train(record.result["name"], load(data, path), settings, folder, genotype=genotype,
          seed=record.seed, device="cpu", resume=(folder / "config.json").exists())


def subset(path: Path, folder: Path, count: int) -> Path:
    """The first `count` training images of a parquet data set, balanced over the classes."""
    import numpy as np
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "test.parquet").exists():
        table = parquet.read_table(path / "train.parquet")
        labels = table["label"].to_numpy()
        classes = np.unique(labels)
        rows = np.sort(np.concatenate([
            np.flatnonzero(labels == label)[:count // len(classes)] for label in classes]))
        parquet.write_table(table.take(rows), folder / "train.parquet")
        parquet.write_table(parquet.read_table(path / "test.parquet"), folder / "test.parquet")
    return folder


def table(folders: list[Path]) -> None:
    """Print a row per kind of search, mean and standard deviation, and paired differences."""
    from statistics import mean, stdev

    from search.reporting.history import read_run
    from search.reporting.significance import paired

    kinds: dict[str, list] = {}
    for folder in folders:
        kinds.setdefault(folder.name.rpartition("-")[0], []).append(read_run(folder))
    print("| search | cells trained | training images | CPU seconds | parameters | "
          "test accuracy |")
    print("|---|---:|---:|---:|---:|---:|")
    for kind, runs in kinds.items():
        scores = [100 * run.trained["test_accuracy"] for run in runs]
        spread = f" ± {stdev(scores):.2f}" if len(scores) > 1 else ""
        cells = [sum(len(row.get("candidates", ())) for row in run.rows) for run in runs]
        sizes = [_parameters(run.folder / "trained") for run in runs]
        took = [json.loads((run.folder / "cpu_seconds.json").read_text()) for run in runs]
        print(f"| {SEARCHES[kind]} | {mean(cells):.0f} | {mean(r.cost[-1] for r in runs):,.0f} | "
              f"{mean(took):.0f} | {mean(sizes):,.0f} | "
              f"{mean(scores):.2f}{spread} ({', '.join(f'{score:.2f}' for score in scores)}) |")
    print()
    random = accuracies(kinds.get("random-images", []))
    for kind, runs in kinds.items():
        others = accuracies(runs)
        seeds = sorted(random.keys() & others.keys())
        if kind != "random-images" and seeds:
            found = paired([others[seed] for seed in seeds], [random[seed] for seed in seeds])
            interval = " ({:+.2f} to {:+.2f})".format(*found.interval) if found.interval else ""
            print(f"{SEARCHES[kind]}, less random cells of equal images: {found.mean:+.2f} points"
                  f"{interval}, {found.count} seeds, Wilcoxon p = {found.p:.2g}")


def accuracies(runs: list) -> dict[int, float]:
    """Test accuracy in % by seed."""
    return {run.seed: 100 * run.trained["test_accuracy"] for run in runs}


def _parameters(folder: Path) -> int:
    from zoo.artifact.folder import read_manifest

    return read_manifest(folder).parameters


if __name__ == "__main__":
    main()
