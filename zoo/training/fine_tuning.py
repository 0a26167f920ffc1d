"""Start a training from weights that are there: shipped ones, a file's, or an artifact's."""

from __future__ import annotations

import hashlib
from pathlib import Path

from zoo.artifact.folder import MANIFEST
from zoo.checkpoints import fit
from zoo.checkpoints.state import say_left_out
from zoo.genotypes.serialization import Genotype
from zoo.messages.notes import note
from zoo.models.factory import ImageNetwork
from zoo.recipes.image import Recipe
from zoo.registry import genotype as named
from zoo.registry import registered
from zoo.runs import run_folder
from zoo.runs.run_folder import RunError
from zoo.weights import PretrainedWeights, WeightsError, fill, find, trained_state

_CLASSIFIER = "classifier."
_FACTS = ("started_from", "weights_sha256")


def begin(weights: Path | str | None, cell: str, genotype: Genotype, folder: Path, resume: bool
          ) -> tuple[PretrainedWeights | None, dict]:
    """The weights to start from, if there are any, and what the run's settings say of them.

    A run that goes on from a checkpoint needs none, and tells what it began with.
    Raises ValueError where there are no such weights, WeightsError for those of another cell,
    RunError for a run that needs them once more.
    """
    if weights is None and resume:
        run = run_folder.read_config(folder)
        known = {fact: run.get(fact) for fact in _FACTS}
        reached = any((folder / name).exists() for name in (run_folder.CHECKPOINT, MANIFEST))
        if known["weights_sha256"] and not reached:
            raise RunError(f"{folder} has no checkpoint yet; give the --weights that it started "
                           f"from again ({known['started_from']})")
        return None, known
    if weights is None:
        return None, dict.fromkeys(_FACTS)
    found = find(weights, cell if registered(cell) and named(cell) == genotype else genotype)
    name = Path(found.where).resolve().name  # where it lies is nobody else's business
    return found, {"started_from": name,
                   "weights_sha256": hashlib.sha256(found.content).hexdigest()}


def warm_start(model: ImageNetwork, found: PretrainedWeights, recipe: Recipe) -> None:
    """Copy the weights `found` into the network of `recipe`.

    The classifier stays as it is drawn where the weights are for another number of classes.
    The auxiliary head, which weights are kept without, always does.
    Raises WeightsError when they do not fit the network.
    """
    for name, value in found.settings.items():
        wanted = recipe.network if name == "kind" else getattr(recipe, name, value)
        if value != wanted:
            raise WeightsError(f"{found.where} is for {name}={value!r}, and the recipe has "
                               f"{wanted!r}; choose the preset or the settings that fit")
    own = trained_state(model)
    state = fit.fitted(found.content, own, found.where)
    head = {name: value for name, value in own.items() if name.startswith(_CLASSIFIER)}
    weight = own[f"{_CLASSIFIER}weight"]
    before = state.tensors.get(f"{_CLASSIFIER}weight", weight)
    anew = before.shape[1:] == weight.shape[1:] and len(before) != len(weight)
    if anew:
        state.tensors |= head
    fit.check(own, state, found.where, model.genotype)
    fill(model, state.tensors, found.where)
    say_left_out(state, found.where)
    if anew:
        note(f"{found.where} is for {len(before)} classes and this training for {len(weight)}: the "
             "classifier begins anew")
