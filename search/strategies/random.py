"""Random search: sampled cells, each trained from scratch on the same budget, the best one kept.

The baseline of Li & Talwalkar 2019 (arXiv 1902.07638), which many a search has not beaten.
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from search.space import sample
from zoo.artifact import read_manifest
from zoo.datasets import ImageData, Split
from zoo.genotype import ConvGenotype, to_dict
from zoo.recipe import Recipe
from zoo.run_folder import CONFIG, RunError
from zoo.train import train


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One sampled cell: accuracy on the held-out training images, and what it cost."""

    genotype: ConvGenotype
    accuracy: float
    parameters: int
    images_seen: int
    seconds: float


def held_out(data: ImageData, seed: int, share: float = 0.2) -> ImageData:
    """`data` whose test split is a stratified `share` of its training images.

    The real test images stay out of the search.
    """
    from sklearn.model_selection import train_test_split

    train_part, valid = train_test_split(
        np.arange(len(data.train.labels)), test_size=share, random_state=seed,
        stratify=data.train.labels)
    splits = [Split(data.train.images[chosen], data.train.labels[chosen])
              for chosen in (np.sort(train_part), np.sort(valid))]
    return dataclasses.replace(data, train=splits[0], test=splits[1])


def search(directory: Path, data: ImageData, recipe: Recipe, candidates: int, seed: int = 0,
           report: Callable[[int, Candidate], None] = lambda index, candidate: None
           ) -> list[Candidate]:
    """Train `candidates` sampled cells in folders of `directory`; best accuracy first.

    A search that was interrupted goes on where it stopped: finished candidates are read, a
    half-trained one is resumed.  Writes ``history.jsonl`` with a line for each candidate.
    Raises RunError when `directory` holds anything but a search.
    """
    _check_place(directory)
    rng = random.Random(seed)
    images = held_out(data, seed)
    done = []
    for index in range(candidates):
        genotype = sample(rng)
        folder = directory / f"candidate-{index:03d}"
        started = (folder / CONFIG).exists() or (folder / "manifest.json").exists()
        train(f"candidate-{index:03d}", images, recipe, folder, genotype=genotype, seed=seed,
              resume=started)
        manifest = read_manifest(folder)
        candidate = Candidate(
            genotype, manifest.metrics["test_accuracy"], manifest.parameters,
            len(images.train.labels) * recipe.epochs, manifest.metrics["seconds"])
        done.append(candidate)
        report(index, candidate)
    lines = [json.dumps({**dataclasses.asdict(candidate), "genotype": to_dict(candidate.genotype)})
             for candidate in done]
    (directory / "history.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return sorted(done, key=lambda candidate: -candidate.accuracy)


def _check_place(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise RunError(f"{directory} exists and is not a folder; choose another with -o")
    found = {path.name for path in directory.iterdir()} if directory.exists() else set()
    foreign = sorted(name for name in found if not name.startswith("candidate-"))
    if foreign and not (foreign == ["history.jsonl"] and "candidate-000" in found):
        raise RunError(f"{directory} holds {foreign[0]}, which is not of a search; choose another "
                       "folder with -o")
