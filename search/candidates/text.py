"""Recurrent candidates: small language models, trained for a fixed budget.

As in the final training of Liu et al. 2019 (arXiv 1806.09055, appendix A.2.2), which follows
Merity et al. 2017 (arXiv 1708.02182), without weight averaging.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from search.candidates.base import Candidate, CandidateTraining
from search.settings import check_preset
from zoo.data.text import TextData
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.models.recurrent import LanguageModel, TiedModel
from zoo.recipes.language import LanguageRecipe
from zoo.training.losses import mean_loss, perplexity
from zoo.training.tasks.language import LanguageTask, text_columns


@dataclass(frozen=True)
class TextRecipe(LanguageRecipe):
    """The recipe of a candidate.  Raises ValueError for a value out of range."""

    hidden: int = 300
    epochs: int = 25
    random_bptt: bool = False
    optimizer: str = "sgd"
    schedule: str = "cosine"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.optimizer == "nt-asgd":
            raise ValueError("nt-asgd needs a validation after each epoch, but a candidate is "
                             "validated once; choose sgd or adamw as the optimizer")


#: `quick` is ours; `paper` is the network of the published search, with the published final
#: training cut to 25 epochs.
TEXT_RECIPES = {
    "quick": TextRecipe(hidden=64, epochs=2, batch_size=32, dropout=0.1, dropout_words=0.0,
                        dropout_embedding=0.0, dropout_hidden=0.0, dropout_input=0.0,
                        tar_weight=0.0),
    "paper": TextRecipe(),
}


def text_recipe(preset: str) -> TextRecipe:
    """The recipe of the candidates of a search.  Raises ValueError for an unknown preset."""
    check_preset(preset, TEXT_RECIPES)
    return TEXT_RECIPES[preset]


@dataclass(frozen=True)
class TextTraining(CandidateTraining):
    """Training on the training text, with evaluation on the validation text.

    Raises DataError for a text that is too small for the recipe's batch.
    """

    data: TextData
    recipe: TextRecipe
    device: str = "auto"
    unit: ClassVar[str] = "tokens"
    measure: ClassVar[str] = "valid_perplexity"

    def __post_init__(self) -> None:
        text_columns(self.data.train, self.recipe)  # fail here, not in the first worker

    @property
    def cost(self) -> int:
        predicted = text_columns(self.data.train, self.recipe)[1:]
        return predicted.numel() * self.recipe.epochs

    def task(self, candidate: Candidate, device: torch.device) -> LanguageTask:
        recipe, genotype = self.recipe, candidate.genotype
        assert isinstance(genotype, RecurrentGenotype)

        def network() -> TiedModel:
            return LanguageModel(genotype, self.data.vocabulary_size, recipe.hidden,
                                 recipe.hidden, **recipe.dropouts())

        return LanguageTask(network, self.data.train, recipe, device)

    def value(self, model: nn.Module) -> float | None:
        assert isinstance(model, TiedModel)
        found = perplexity(mean_loss(model, self.data.valid, time=self.recipe.bptt))
        return found if math.isfinite(found) else None
