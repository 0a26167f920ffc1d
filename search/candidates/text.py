"""What a sampled recurrent cell is worth: a small language model, trained for a fixed budget.

As in the final training of Liu et al. 2019 (arXiv 1806.09055, appendix A.3.2), which follows
Merity et al. 2017 (arXiv 1708.02182), without its averaging of weights.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from search.candidates.base import Result, Task, device_of
from zoo.data.text import TextData
from zoo.data.text_batches import columns
from zoo.models.cost import parameters
from zoo.models.recurrent import LanguageModel
from zoo.recipes.language import LanguageRecipe
from zoo.training import run_folder
from zoo.training.language_epochs import STATE, Training
from zoo.training.losses import mean_loss, perplexity
from zoo.training.run_folder import RunError


@dataclass(frozen=True)
class TextRecipe(LanguageRecipe):
    """How a candidate is trained.  Raises ValueError for a value out of range."""

    hidden: int = 300
    epochs: int = 25
    random_time: bool = False
    optimizer: str = "sgd"
    schedule: str = "cosine"


#: `quick` is ours; `paper` is the network of the published search with the published training
#: of the cells that it finds, cut to 25 epochs.
TEXT_RECIPES = {
    "quick": TextRecipe(hidden=64, epochs=2, batch_size=32, dropout=0.1, dropout_words=0.0,
                        dropout_embedding=0.0, dropout_hidden=0.0, dropout_input=0.0,
                        slowness=0.0),
    "paper": TextRecipe(),
}


@dataclass(frozen=True)
class TextTraining:
    """How every recurrent candidate is trained: on the training text, measured on the validation
    text.  `cost` is what one candidate costs, in tokens that its weights were updated with.
    Raises DataError for a text that is too small for the recipe's batch.
    """

    data: TextData
    recipe: TextRecipe
    device: str = "auto"
    unit: ClassVar[str] = "tokens"
    measure: ClassVar[str] = "valid_perplexity"

    def __post_init__(self):
        columns(self.data.train, self.recipe.batch_size)  # else the first worker would find out

    @property
    def cost(self) -> int:
        predicted = columns(self.data.train, self.recipe.batch_size)[1:]
        return predicted.numel() * self.recipe.epochs

    def train(self, task: Task, folder: Path) -> Result:
        """Train in `folder`, where a training that was cut short goes on, or begins again."""
        place = device_of(self.device, task.number)
        with torch.random.fork_rng([place] if place.type == "cuda" else []):
            torch.manual_seed(task.seed)
            model = LanguageModel(task.genotype, self.data.vocabulary_size, self.recipe.hidden,
                                  self.recipe.hidden, **self.recipe.dropouts()).to(place)
            training = Training(model, self.data.train, self.recipe, task.seed, place)
            found = self._train(training, folder)
        return Result(self.measure, found, parameters(model), self.cost)

    def _train(self, training: Training, folder: Path) -> float | None:
        """The perplexity on validation text, or None when the training diverges."""
        _restore(folder, training)
        while training.epochs < self.recipe.epochs:
            if not math.isfinite(training.epoch()["train_loss"]):
                return None
            _save(folder, training)
        found = perplexity(mean_loss(training.model, self.data.valid, time=self.recipe.time))
        return found if math.isfinite(found) else None


def _restore(folder: Path, training: Training) -> None:
    """Go back to the checkpoint, if there is one that can be read."""
    try:
        state = run_folder.load_checkpoint(folder, *STATE)
    except RunError:
        shutil.rmtree(folder)
        state = None
    if state is not None:
        training.load_state_dict(state)


def _save(folder: Path, training: Training) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    run_folder.save_checkpoint(folder, training.state_dict())
