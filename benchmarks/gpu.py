"""Search and training on a GPU, within a given number of minutes.

    python -m benchmarks.gpu --path FOLDER --minutes 13             # FOLDER holds CIFAR-10
    python -m benchmarks.gpu --path FOLDER --only train --cells DARTS_V2 AmoebaNet
    python -m benchmarks.gpu --device cpu --tiny                    # the same on a few digits

The parts are the step of a search (plain against merged, both precisions, with and without a CUDA
graph), trainings of small networks side by side, and the speed of training for images and text, in
this order, so that a timeout loses the least.  Each part has its share of the minutes; its output
is also in OUT/PART.txt, and a training's run folder is OUT/CELL-CHANGES.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from zoo.data.base import ImageData
from zoo.data.images import load
from zoo.recipes.image import Recipe, recipe
from zoo.training.classification import train

#: Shares of the minutes.
PARTS = {"search": 3, "train": 8, "speed": 2}
MEASURED = 3  # epochs timed to see how many fit; the first warms up and is left out
RESERVE = 25  # seconds of a training outside its epochs: imports, images, the final test


def commands(part: str, given: argparse.Namespace) -> list[list[str]]:
    """The benchmarks of a part."""
    device = ["--device", given.device]
    if part == "search":
        sizes = ["--batch", "2", "--steps", "1"] if given.tiny else ["--steps", "10"]
        orders = [["--order", "1"]] if given.tiny else [["--order", "1"], ["--order", "2"]]
        # One form per process, so that one that hangs does not stop the others.
        forms = [["--form", form] for form in ("merged", "plain", "merged, CUDA graph")]
        return [["benchmarks.search", *device, *sizes, *order, *form, "--precision", precision]
                for order in orders for precision in ("bfloat16", "float32")
                for form in forms[:2 if given.tiny else 3]]
    small = ["--batch-size", "8", "--rounds", "1"] if given.tiny else []
    text = (["--hidden", "16", "--vocabulary", "65", "--batch", "2", "--time", "4", "--steps", "1"]
            if given.tiny else ["--steps", "10"])
    presets = ["small"] if given.tiny else ["small", "fast"]
    return [*(["benchmarks.train", *device, *small, "--preset", preset, "--cells", "DARTS_V2"]
              for preset in presets),
            ["benchmarks.train_language", *device, *text]]


def run(command: list[str], seconds: float, log: Path) -> None:
    """Run a module, killed after `seconds`; print its output and append it to `log`."""
    print(f"\n## python -m {' '.join(command)}", flush=True)
    try:
        done = subprocess.run([sys.executable, "-m", *command], timeout=max(1.0, seconds),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output = done.stdout + (f"exit code {done.returncode}\n" if done.returncode else "")
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace") + f"killed after {seconds:.0f} s\n"
    with log.open("a") as file:
        file.write(f"## python -m {' '.join(command)}\n{output}")
    print(output, flush=True)


def train_one(cell: str, changes: dict, given: argparse.Namespace, seconds: float) -> None:
    """Train `cell` for as many epochs as fit into `seconds`, counted from now."""
    began = time.perf_counter()
    settings = recipe("digits", "small").but(channels=4, layers=3) if given.tiny else recipe(
        "cifar10", "fast").but(channels=16, layers=8, validation=given.validation)
    settings = settings.but(**changes)
    data = load("digits") if given.tiny else load("cifar10", given.path)
    epochs = given.epochs or _epochs_in(seconds, cell, data, settings, given.device, began)
    folder = given.out / _name(cell, changes)
    manifest = train(cell, data, settings.but(epochs=epochs), folder, seed=given.seed,
                     device=given.device)
    rows = [json.loads(row) for row in (folder / "history.jsonl").read_text().splitlines()]
    held_out = max((row.get("valid_accuracy", 0.0) for row in rows), default=0.0)
    print(f"{folder.name}: {held_out:.2%} of {settings.validation} held-out images, "
          f"{json.dumps(manifest.metrics)}", flush=True)


def _epochs_in(seconds: float, cell: str, data: ImageData, settings: Recipe, device: str,
               began: float) -> int:
    """The number of epochs that fit into `seconds` from `began`, from timing a few."""
    with tempfile.TemporaryDirectory() as folder:
        train(cell, data, settings.but(epochs=MEASURED), Path(folder) / "run", device=device)
        rows = (Path(folder) / "run" / "history.jsonl").read_text().splitlines()
    epoch = min(json.loads(row)["seconds"] for row in rows[1:])
    left = seconds - RESERVE - (time.perf_counter() - began)
    epochs = max(1, int(0.93 * left / epoch))  # some are slower
    print(f"{cell}: {epoch:.2f} s per epoch after {time.perf_counter() - began:.0f} s of "
          f"preparation; {epochs} epochs", flush=True)
    return epochs


def _name(cell: str, changes: dict) -> str:
    """The name of a run's folder: DARTS_V2, DARTS_V2-cutout_8."""
    return "-".join([cell, *(re.sub(r"\W+", "_", f"{name}_{value}").strip("_")
                             for name, value in changes.items())])


def train_all(given: argparse.Namespace, seconds: float) -> None:
    """Train all cells with all changes at once: a small network does not fill a GPU."""
    runs = [(cell, changes) for cell in given.cells for changes in given.changes]
    print(f"\n## training {', '.join(_name(*run) for run in runs)} at once", flush=True)
    jobs = []
    for cell, changes in runs:
        one = ["--one", cell, json.dumps(changes), "--seconds", str(seconds)]
        with (given.out / f"{_name(cell, changes)}.txt").open("w") as log:
            jobs.append(subprocess.Popen(
                [sys.executable, "-m", "benchmarks.gpu", *sys.argv[1:], *one],
                stdout=log, stderr=subprocess.STDOUT))
    end = time.perf_counter() + seconds
    for run, job in zip(runs, jobs):
        name = _name(*run)
        try:
            job.wait(max(1.0, end - time.perf_counter()))
        except subprocess.TimeoutExpired:
            job.kill()
            print(f"{name} was killed after {seconds:.0f} s; --resume continues its run folder")
        print((given.out / f"{name}.txt").read_text(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", type=Path, help="the folder of CIFAR-10")
    parser.add_argument("--minutes", type=float, default=13.0)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--cells", nargs="+", default=["DARTS_V2"], help="trained side by side")
    parser.add_argument("--epochs", type=int, help="default: as many as fit")
    parser.add_argument("--validation", type=int, default=1000)
    parser.add_argument("--changes", type=json.loads, nargs="+", default=[{}],
                        help="settings of the recipe, compared side by side: '{}' "
                             "'{\"drop_path\": 0.1}'")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"))
    parser.add_argument("--tiny", action="store_true", help="to try the script")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.tiny and given.path is None and "train" in given.only:
        parser.error("--path is missing: the folder with CIFAR-10's train and test files")
    if given.one:
        train_one(given.one[0], json.loads(given.one[1]), given, given.seconds)
        return
    given.out.mkdir(parents=True, exist_ok=True)
    where = torch.cuda.get_device_name() if given.device == "cuda" else "CPU"
    print(f"{where}, torch {torch.__version__}", flush=True)
    whole = sum(PARTS[part] for part in given.only)
    end = time.perf_counter()
    for part in given.only:
        share = 60 * given.minutes * PARTS[part] / whole
        end += share  # time that a part leaves goes to the next
        if part == "train":
            train_all(given, end - time.perf_counter())
            continue
        pending = commands(part, given)
        for number, command in enumerate(pending):
            left = (end - time.perf_counter()) / (len(pending) - number)
            run(command, left, given.out / f"{part}.txt")


if __name__ == "__main__":
    main()
