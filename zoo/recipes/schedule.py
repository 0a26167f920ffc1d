"""The learning rate schedule, a pure function of the step.

Cosine: Loshchilov & Hutter 2017 (arXiv 1608.03983), epoch by epoch as in the 2018 DARTS release;
warm-up: Goyal et al. 2017 (arXiv 1706.02677).
"""

from __future__ import annotations

import math

from zoo.recipes.image import Recipe
from zoo.recipes.language import LanguageRecipe


def learning_rate(recipe: Recipe | LanguageRecipe, step: int, batches: int) -> float:
    """The learning rate of step 0, 1, ... of a training with `batches` steps per epoch.

    "cosine" decays to 0 and "step-decay" by a factor, both per epoch; "warm-up-cosine" increases
    linearly over the first share `warm_up` of all steps and then decays to 0, per step.
    """
    epoch = step // batches
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if isinstance(recipe, Recipe) and recipe.schedule == "step-decay":
        return recipe.learning_rate * recipe.decay ** epoch
    if recipe.schedule == "cosine":
        return recipe.learning_rate * _cosine(epoch / recipe.epochs)
    steps = recipe.epochs * batches
    warm_up = round(recipe.warm_up * steps)
    if step < warm_up:
        return recipe.learning_rate * (step + 1) / warm_up
    return recipe.learning_rate * _cosine((step - warm_up) / (steps - warm_up))


def _cosine(share: float) -> float:
    """Cosine decay from 1 at 0 to 0 at 1."""
    return (1 + math.cos(math.pi * share)) / 2
