"""Trains the network of a cell on images, from a recipe and data to an artifact."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import zoo
from zoo.artifact.manifest import Input, Manifest, Network, plain_name
from zoo.artifact.names import LABELS
from zoo.data.base import ImageData, fingerprint, hold_out
from zoo.genotypes.serialization import Genotype
from zoo.messages.notes import note
from zoo.models.cost import cost
from zoo.models.factory import ImageNetwork
from zoo.recipes.image import Recipe
from zoo.registry import origin_lines
from zoo.runs import run_folder
from zoo.runs.run_folder import diverged
from zoo.runs.run_lock import at_work
from zoo.system import distributed
from zoo.system.device import hardware, pick_device, pick_precision
from zoo.system.files import write_whole
from zoo.system.threads import check_threads
from zoo.training import fine_tuning
from zoo.training.evaluation import predict, score
from zoo.training.tasks.image import ImageTask
from zoo.training.trainer import Report, check_seed, finished, fit


def train(cell: str, data: ImageData, recipe: Recipe, directory: Path | str, *,
          genotype: Genotype | None = None, seed: int = 0,
          weights: Path | str | None = None,
          device: str = "auto", precision: str = "auto", threads: int | None = None,
          resume: bool = False, report: Report | None = None, events: bool = False,
          source: Mapping[str, Any] | None = None) -> Manifest:
    """Train `cell` on `data`, write an artifact to `directory`, and return its manifest.

    `cell` is a registered name, or any name for the given `genotype`.
    `weights` to start from are a data set's name ("cifar10": the shipped weights), a safetensors
    file, or an artifact's folder; see `zoo.training.fine_tuning`.
    With `precision` "auto" the recipe decides; `threads` None is one CPU thread or all of them,
    whichever is faster in the first steps.
    `report(steps done, total steps, row)` is called after each step with row None, and after
    each epoch with its history row.  `resume` continues an interrupted run after its last full
    epoch, on the CPU with bit-identical results.
    `events` writes TensorBoard events to tb/ in the folder.
    `source` holds the options that selected `data` and `weights`, for config.json.
    Under torchrun each process trains on its part of every batch on its own GPU; the first one
    writes and reports.
    The test set is evaluated once, after the last epoch.  With validation images, from
    `recipe.validation` or the data set, the best epoch's weights are kept, else the last.

    Raises UnknownCellError, RunError for a folder that cannot be used, DivergedError for a loss
    that is not finite, DataError for images that cannot be held out, WeightsError for `weights`
    that do not fit, ValueError for an unavailable device, precision or weights.
    """
    folder = Path(directory)
    genotype = genotype or zoo.genotype(cell)
    if genotype.kind == "recurrent":
        raise ValueError(f"{cell} is a recurrent cell; image networks need a convolutional one, "
                         "see `zoo list`")
    check_seed(seed)
    check_threads(threads)
    if recipe.drawings and data.name != "digits":
        raise ValueError(f"the recipe adds drawn digits, but the data set is {data.name}")
    place = pick_device(device)
    dtype = pick_precision(precision, place, recipe.precision)
    config = {"cell": cell, "genotype": str(genotype), "data": data.name,
              "data_sha256": fingerprint(data), "seed": seed,
              "precision": str(dtype).removeprefix("torch."),
              "recipe": dataclasses.asdict(recipe), **(source or {})}
    valid = data.valid
    if recipe.validation:
        if valid:
            note(f"the {len(valid.labels):,} validation images of {data.name} are not used: "
                 "--validation holds out training images instead")
        data, valid = hold_out(data, recipe.validation, seed)
    with distributed.group(place) as place, at_work(folder):
        pretrained, start = distributed.first(
            lambda: fine_tuning.begin(weights, cell, genotype, folder, resume))
        config |= start
        if manifest := distributed.first(lambda: finished(folder, config, resume)):
            return manifest
        task = ImageTask(genotype, data, recipe, seed, place, valid, pretrained)
        trainer = fit(task, folder, config, seed=seed, device=place, dtype=dtype, threads=threads,
                      resume=resume, report=report, events=events)
        model = trainer.result()
        assert isinstance(model, ImageNetwork)
        return distributed.first(lambda: _finish(folder, cell, task, model, {
            "epochs": recipe.epochs, "seed": seed,
            "hardware": hardware(place, distributed.size()),
            "seconds": round(trainer.seconds),
            **{fact: value for fact, value in start.items() if value}}))


def _finish(folder: Path, cell: str, task: ImageTask, model: ImageNetwork, facts: dict
            ) -> Manifest:
    """Turn the run folder into an artifact.  Raises DivergedError for outputs that are not finite.
    """
    data, recipe = task.data, task.recipe
    logits = predict(model, data.test.images, data.mean, data.std)
    if not logits.isfinite().all():
        raise diverged("the network's outputs are NaN or infinite after its last epoch",
                       recipe.learning_rate)
    result = score(logits, data.test.labels, len(data.labels))
    write_whole(folder / LABELS, "".join(f"{label}\n" for label in data.labels).encode())
    _, height, width, channels = data.train.images.shape
    costs = cost(model, (channels, height, width))
    return run_folder.finish(folder, model, task.genotype, Manifest(
        name=plain_name(f"{cell}-{data.name}"), genotype=cell,
        **origin_lines(cell, task.genotype),
        network=Network(kind=model.kind, channels=recipe.channels, layers=recipe.layers,
                        num_classes=len(data.labels), in_channels=channels),
        input=Input(height=height, width=width, channels=channels, mean=data.mean, std=data.std,
                    data=data.name),
        labels=data.labels, trained=True,
        metrics={"test_accuracy": result.accuracy, "data": data.name, "images": result.images}
        | facts,
        parameters=costs.parameters, multiply_adds=costs.multiply_adds,
        tools={"genotype-zoo": zoo.__version__, "torch": torch.__version__}))
