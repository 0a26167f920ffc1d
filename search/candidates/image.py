"""What a sampled cell is worth: trained from scratch for a fixed budget, measured on held-out data.

As in Zoph et al. 2018 (arXiv 1707.07012), Real et al. 2018 (arXiv 1802.01548) and the random
search of Liu et al. 2019 (arXiv 1806.09055).  `search.candidates.workers` does it
for many at a time.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from search.candidates.base import Result, Task, device_of
from zoo.artifact.folder import ArtifactError
from zoo.create import create_model
from zoo.data.base import ImageData, hold_out
from zoo.models.cost import parameters
from zoo.recipes.image import RECIPES, Recipe, recipe
from zoo.training.classification import train
from zoo.training.run_folder import DivergedError, RunError


@dataclass(frozen=True)
class ImageTraining:
    """How every convolutional candidate is trained: `data` comes from `held_out`.

    `cost` is what one candidate costs, in images that its weights were updated with.
    """

    data: ImageData
    recipe: Recipe
    device: str = "auto"
    unit: ClassVar[str] = "images"
    measure: ClassVar[str] = "valid_accuracy"

    @property
    def cost(self) -> int:
        return len(self.data.train.labels) * self.recipe.epochs

    def train(self, task: Task, folder: Path) -> Result:
        """Train in `folder`, where a training that was cut short goes on, or begins again."""
        with torch.device("meta"):
            network = create_model(
                task.genotype, self.recipe.network, channels=self.recipe.channels,
                layers=self.recipe.layers, num_classes=len(self.data.labels),
                in_channels=self.data.train.images.shape[-1])
        def begin(resume: bool) -> float:
            # `held_out` has made the validation images the test split.
            return train(f"candidate-{task.number:03d}", self.data, self.recipe, folder,
                         genotype=task.genotype, seed=task.seed, resume=resume,
                         device=str(device_of(self.device, task.number))).metrics["test_accuracy"]

        try:
            try:
                accuracy = begin(resume=True)
            except (RunError, ArtifactError):  # nothing there, or nothing that can go on
                shutil.rmtree(folder, ignore_errors=True)
                accuracy = begin(resume=False)
        except DivergedError:
            accuracy = None
        return Result(self.measure, accuracy, parameters(network), self.cost)


def held_out(data: ImageData, seed: int, share: float = 0.2) -> ImageData:
    """`data` whose test split is a stratified `share` of its training images.

    The real test images stay out of the search.  Raises ValueError for a class with too few.
    """
    rest, valid = hold_out(data, math.ceil(share * len(data.train.labels)), seed)
    return dataclasses.replace(rest, test=valid)


#: Short trainings of small networks, without what only long ones need.  `quick` is ours: four
#: seconds of one CPU core for a cell on the digits.  `paper` is the network of Real et al. 2018,
#: section 4 (N = 3 makes 11 cells, F = 24, 25 epochs).
IMAGE_PRESETS = {
    "quick": {"channels": 8, "layers": 5, "epochs": 4, "batch_size": 64, "learning_rate": 0.05,
              "cutout": 0},
    "paper": {"channels": 24, "layers": 11, "epochs": 25, "batch_size": 128},
}
#: The small model of Liu et al. 2018 (arXiv 1711.00436, section 4), three cells of C = 16;
#: `paper` makes 5000 steps on the 40,000 images of CIFAR-10 that are not held out.
HIERARCHICAL_PRESETS = {
    "quick": IMAGE_PRESETS["quick"] | {"layers": 3},
    "paper": {"channels": 16, "layers": 3, "epochs": 32, "batch_size": 256, "learning_rate": 0.1},
}


def image_recipe(preset: str, data: str, hierarchical: bool = False) -> Recipe:
    """How the candidates of a search on the data set `data` are trained, augmented as there."""
    presets = HIERARCHICAL_PRESETS if hierarchical else IMAGE_PRESETS
    # As published where that is known: a schedule without a warm-up suits few epochs.
    base = recipe(data, "paper" if "paper" in RECIPES[data] else None)
    return base.but(drop_path=0.0, auxiliary_weight=0.0, drawings=0, precision="auto",
                    **presets[preset])


# --- the record of a finished candidate: one small file, its weights are not kept --------------
