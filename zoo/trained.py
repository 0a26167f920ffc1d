"""The run folder of a finished image training becomes an artifact, with its test accuracy."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

import zoo
from zoo import run_folder
from zoo.artifact import seal
from zoo.atomic import write_whole
from zoo.cost import cost
from zoo.datasets import ImageData
from zoo.evaluate import predict, score
from zoo.genotype import Genotype, to_json
from zoo.manifest import Input, Manifest, Network, plain_name
from zoo.recipe import Recipe
from zoo.registry import origin_lines
from zoo.weights import WEIGHTS, save_weights


class DivergedError(ValueError):
    """What is learned or computed is not a number any more."""


def diverged(what: str, learning_rate: float) -> DivergedError:
    """The error of a training in which `what` has happened, with the remedy."""
    return DivergedError(f"{what}; train into a new folder with a smaller --learning-rate (it was "
                         f"{learning_rate})")


def seal_run(folder: Path, cell: str, genotype: Genotype, data: ImageData, recipe: Recipe,
            model: nn.Module, facts: dict) -> Manifest:
    """Turn the run folder into an artifact.  Raises DivergedError when the last steps destroyed
    the network."""
    logits = predict(model, data.test.images, data.mean, data.std)
    if not logits.isfinite().all():
        raise diverged("the network gives no numbers after its last epoch", recipe.learning_rate)
    result = score(logits, data.test.labels, len(data.labels))
    save_weights(model, folder / WEIGHTS)
    write_whole(folder / "genotype.json", to_json(genotype).encode())
    write_whole(folder / "labels.txt", "".join(f"{label}\n" for label in data.labels).encode())
    _, height, width, channels = data.train.images.shape
    costs = cost(model, (channels, height, width))
    manifest = seal(folder, Manifest(
        name=plain_name(f"{cell}-{data.name}"), genotype=cell, **origin_lines(cell, genotype),
        network=Network(kind=recipe.network, channels=recipe.channels, layers=recipe.layers,
                        num_classes=len(data.labels), in_channels=channels),
        input=Input(height=height, width=width, channels=channels, mean=data.mean, std=data.std,
                    data=data.name),
        labels=data.labels, trained=True,
        metrics={"test_accuracy": result.accuracy, "data": data.name, "images": result.images}
        | facts,
        parameters=costs.parameters, multiply_adds=costs.multiply_adds,
        tools={"genotype-zoo": zoo.__version__, "torch": torch.__version__},
    ), leaving_out={run_folder.CHECKPOINT, run_folder.BEST})
    run_folder.finish(folder)
    return manifest
