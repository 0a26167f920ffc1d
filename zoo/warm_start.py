"""Start a training from weights that are there: shipped ones, a file's, or an artifact's."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import nn

from zoo.recipe import Recipe
from zoo.weights import Found, WeightsError, fill, trained_state, unpacked

_CLASSIFIER = "classifier."


def settings(weights: Path | str | None, found: Found | None) -> dict:
    """What a run's settings say of the weights that it starts from."""
    sha256 = hashlib.sha256(found.content).hexdigest() if found else None
    return {"weights": str(weights) if found else None, "weights_sha256": sha256}


def facts(found: Found | None) -> dict:
    """What the manifest says of them: where a file lies is nobody else's business."""
    return {"started_from": Path(found.where).name} if found else {}


def warm_start(model: nn.Module, found: Found, recipe: Recipe) -> None:
    """Copy the weights `found` into the network of `recipe`.

    The classifier stays as it is drawn where the weights are for another number of classes.
    The auxiliary head, which weights never hold, always does.
    Raises WeightsError when they are those of another network.
    """
    for name, value in found.settings.items():
        wanted = recipe.network if name == "kind" else getattr(recipe, name, value)
        if value != wanted:
            raise WeightsError(f"{found.where} is for {name}={value!r}, and the recipe has "
                               f"{wanted!r}; choose the preset or the settings that fit")
    own = trained_state(model)
    state = unpacked(found.content, found.where)
    head = {name: value for name, value in own.items() if name.startswith(_CLASSIFIER)}
    if all(name in state for name in head) and any(
            state[name].shape != value.shape for name, value in head.items()):
        state |= head
    fill(model, state, found.where)
