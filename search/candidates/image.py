"""Convolutional candidates: small networks trained on images."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from search.candidates.base import Candidate, CandidateTraining
from search.settings import check_preset
from zoo.data.base import ImageData, hold_out
from zoo.genotypes.serialization import Genotype
from zoo.recipes.image import RECIPES, Recipe, recipe
from zoo.scores.batch import data_batch
from zoo.scores.scoring import Setting, score_cell
from zoo.training.evaluation import predict, score
from zoo.training.tasks.image import ImageTask

SCORED_IMAGES = 32  # of a batch that scores look at, as in NAS-Bench-Suite-Zero


@dataclass(frozen=True)
class ImageTraining(CandidateTraining):
    """Training on images; the test split of `data` holds the validation images (see `held_out`).

    Raises ValueError for settings that do not apply to candidates.
    """

    data: ImageData
    recipe: Recipe
    device: str = "auto"
    unit: ClassVar[str] = "images"
    measure: ClassVar[str] = "valid_accuracy"

    def __post_init__(self) -> None:
        if self.recipe.validation:
            raise ValueError("validation is not a setting of candidates: a search holds out a "
                             "fifth of the training images itself; leave it out")
        if self.recipe.drawings:
            raise ValueError("drawings is not a setting of candidates: their cost counts images "
                             "of the data set only; leave it out")

    @property
    def cost(self) -> int:
        return len(self.data.train.labels) * self.recipe.epochs

    def task(self, candidate: Candidate, device: torch.device) -> ImageTask:
        return ImageTask(candidate.genotype, self.data, self.recipe, candidate.seed, device)

    def scores(self, genotype: Genotype, names: Sequence[str], seed: int) -> dict[str, float]:
        """Of a batch of the size that a candidate trains with, at most `SCORED_IMAGES`."""
        count = min(self.recipe.batch_size, SCORED_IMAGES, len(self.data.train.labels))
        setting = Setting(self.recipe.network, self.recipe.channels, self.recipe.layers, seed=seed,
                          batch=lambda number: data_batch(self.data, count, number))
        return score_cell(genotype, setting, names).values

    def value(self, model: nn.Module) -> float | None:
        data = self.data
        logits = predict(model, data.test.images, data.mean, data.std)
        if not logits.isfinite().all():
            return None
        return score(logits, data.test.labels, len(data.labels)).accuracy


def held_out(data: ImageData, seed: int, share: float = 0.2) -> ImageData:
    """`data` whose test split is a stratified `share` of its training images.

    The real test images stay out of the search.  Raises ValueError for a class with too few.
    """
    rest, valid = hold_out(data, math.ceil(share * len(data.train.labels)), seed)
    return dataclasses.replace(rest, test=valid)


#: Short trainings of small networks, without the regularization of long ones.  `quick` is ours:
#: four seconds of one CPU core for a cell on the digits.  `paper` is the network of Real et al.
#: 2018 (N = 3 makes 11 cells, F = 24, 25 epochs).
IMAGE_PRESETS = {
    "quick": {"channels": 8, "layers": 5, "epochs": 4, "batch_size": 64, "learning_rate": 0.05,
              "cutout": 0},
    "paper": {"channels": 24, "layers": 11, "epochs": 25, "batch_size": 128},
}
#: The small model of Liu et al. 2018 (arXiv 1711.00436), three cells of C = 16;
#: `paper` makes 5000 steps on the 40,000 images of CIFAR-10 that are not held out.
HIERARCHICAL_PRESETS = {
    "quick": IMAGE_PRESETS["quick"] | {"layers": 3},
    "paper": {"channels": 16, "layers": 3, "epochs": 32, "batch_size": 256, "learning_rate": 0.1},
}


#: `paper`: 12 epochs of the network of Dong & Yang 2020 (arXiv 2001.00326), the short trainings
#: that the benchmark's searches rank cells by.
NASBENCH201_PRESETS = {
    "quick": IMAGE_PRESETS["quick"],
    "paper": {"channels": 16, "layers": 15, "epochs": 12, "batch_size": 256, "learning_rate": 0.1},
}
_PRESETS = {"conv": IMAGE_PRESETS, "hierarchical": HIERARCHICAL_PRESETS,
            "nasbench201": NASBENCH201_PRESETS}


def image_recipe(preset: str, data: str, space: str = "conv") -> Recipe:
    """The recipe of candidates on the data set `data`, with the augmentation of that data set.

    Raises ValueError for an unknown preset.
    """
    presets = _PRESETS[space]
    check_preset(preset, presets)
    # As published, if it is: a schedule without warm-up suits few epochs.
    base = recipe(data, "paper" if "paper" in RECIPES.get(data, {}) else None,
                  "nasbench201" if space == "nasbench201" else None)
    return base.but(drop_path=0.0, auxiliary_weight=0.0, drawings=0, precision="auto",
                    **presets[preset])

