"""The run folder of a finished image training becomes an artifact, with its test accuracy."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

import zoo
from zoo.artifact.folder import finalize
from zoo.artifact.manifest import Input, Manifest, Network, plain_name
from zoo.data.base import ImageData
from zoo.genotypes.serialization import Genotype, to_json
from zoo.models.cost import cost
from zoo.recipes.image import Recipe
from zoo.registry import origin_lines
from zoo.system.files import write_whole
from zoo.training import run_folder
from zoo.training.evaluation import predict, score
from zoo.training.run_folder import diverged
from zoo.weights import WEIGHTS, save_weights


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
    manifest = finalize(folder, Manifest(
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
