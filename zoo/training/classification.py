"""Train the network of a cell on images, from a recipe and data to an artifact."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import zoo
from zoo.artifact.manifest import Input, Manifest, Network, plain_name
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
    """Train `cell` on `data` and leave an artifact in `directory`; its manifest.

    `cell` is a registered name, or any name for the `genotype` that comes with it.
    `weights` to start from are a data set's name ("cifar10": the shipped ones), a safetensors
    file, or an artifact's folder; see `zoo.training.fine_tuning`.
    `precision` is the recipe's where it is "auto"; `threads` of the CPU are one or all where they
    are None, whichever the first steps are faster with.
    `report(steps done, steps in all, row)` is called after each step with row None, and after
    each epoch with that epoch's row of the history.  With `resume` a run that was interrupted
    goes on after its last whole epoch, on the CPU bit for bit as if it had not been.
    `events` writes TensorBoard events to tb/ in the folder.
    `source` are the options that `data` and `weights` come by, which config.json keeps.
    Started by torchrun, each process learns from its part of every batch on its own GPU; the
    first one writes and reports.
    The test set is evaluated once, after the last epoch.  With `recipe.validation`, or where the
    data has validation images, the weights are those of the epoch that was best on them, else the
    last ones.

    Raises UnknownCellError, RunError for a folder that cannot be used, DivergedError when the
    loss is not finite, DataError for images that cannot be held out, WeightsError for `weights`
    that do not fit, ValueError for a device, precision or weights that are not there.
    """
    folder = Path(directory)
    genotype = genotype or zoo.genotype(cell)
    if genotype.kind == "recurrent":
        raise ValueError(f"{cell} is a recurrent cell; images are learned by convolutional ones, "
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
            note(f"{data.name} has {len(valid.labels):,} validation images, which are not read: "
                 "others are held out by --validation")
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
    """Turn the run folder into an artifact.  Raises DivergedError when the last steps destroyed
    the network."""
    data, recipe = task.data, task.recipe
    logits = predict(model, data.test.images, data.mean, data.std)
    if not logits.isfinite().all():
        raise diverged("the network's outputs are NaN or infinite after its last epoch",
                       recipe.learning_rate)
    result = score(logits, data.test.labels, len(data.labels))
    write_whole(folder / "labels.txt", "".join(f"{label}\n" for label in data.labels).encode())
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
