"""Starts a training from shipped weights, a weights file, or an artifact."""

from __future__ import annotations

import hashlib
from pathlib import Path

from zoo.artifact.names import MANIFEST
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
    """The weights to start from, or None, and their entries in the run's config.json.

    A resumed run reads its weights from the checkpoint and the entries from its config.
    Raises ValueError for missing weights, WeightsError for those of another cell, RunError for a
    run without a checkpoint that was started from weights.
    """
    if weights is None and resume:
        run = run_folder.read_config(folder)
        facts = {fact: run.get(fact) for fact in _FACTS}
        reached = any((folder / name).exists() for name in (run_folder.CHECKPOINT, MANIFEST))
        if facts["weights_sha256"] and not reached:
            raise RunError(f"{folder} has no checkpoint yet; give the --weights that it started "
                           f"from again ({facts['started_from']})")
        return None, facts
    if weights is None:
        return None, dict.fromkeys(_FACTS)
    found = find(weights, cell if registered(cell) and named(cell) == genotype else genotype)
    name = Path(found.where).resolve().name  # the folder may be private
    return found, {"started_from": name,
                   "weights_sha256": hashlib.sha256(found.content).hexdigest()}


def warm_start(model: ImageNetwork, found: PretrainedWeights, recipe: Recipe) -> None:
    """Copy the weights `found` into the network of `recipe`.

    The classifier keeps its random initialization if the weights have another number of classes,
    the auxiliary head always does.
    Raises WeightsError if the weights do not fit the network.
    """
    for name, value in found.settings.items():
        expected = recipe.network if name == "kind" else getattr(recipe, name, value)
        if value != expected:
            raise WeightsError(f"{found.where} is for {name}={value!r}, and the recipe has "
                               f"{expected!r}; choose the preset or the settings that fit")
    own = trained_state(model)
    state = fit.fitted(found.content, own, found.where)
    head = {name: value for name, value in own.items() if name.startswith(_CLASSIFIER)}
    weight = own[f"{_CLASSIFIER}weight"]
    given = state.tensors.get(f"{_CLASSIFIER}weight", weight)
    new_classes = given.shape[1:] == weight.shape[1:] and len(given) != len(weight)
    if new_classes:
        state.tensors |= head
    fit.check(own, state, found.where, model.genotype)
    fill(model, state.tensors, found.where)
    say_left_out(state, found.where)
    if new_classes:
        note(f"{found.where} has {len(given)} classes and this training {len(weight)}: the "
             "classifier starts from random weights")
