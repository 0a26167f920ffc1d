"""How often a network is right: logits of a data set's images, accuracy in all and by class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from zoo.artifact.manifest import Manifest
from zoo.data.base import ImageData
from zoo.data.transforms import normalize


@dataclass(frozen=True)
class Result:
    """`accuracy` in 0..1 over `images` images; by class, in the order of the labels.

    `confusion` (classes, classes) counts the images of each class, a row, by what they are taken
    for.  `top5_accuracy`, where there are more than ten classes: the class is among the five
    largest logits.
    """

    accuracy: float
    images: int
    class_accuracy: list[float]
    class_images: list[int]
    confusion: np.ndarray
    top5_accuracy: float | None = None


@torch.no_grad()
def predict(model: nn.Module, images: np.ndarray, mean: list[float], std: list[float],
            batch_size: int = 256, report: Callable[[int, int], None] | None = None) -> Tensor:
    """Logits (N, classes), float32 on the CPU, of raw images (N, H, W, C) 0..255.

    The model keeps its device and is left in the mode that it was in.  `report(images done,
    images in all)` is called after each batch.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    logits = []
    for start in range(0, len(images), batch_size):
        part = np.asarray(images[start:start + batch_size])  # reads files where they are files
        batch = torch.from_numpy(part).to(device).float()
        logits.append(model(normalize(batch.permute(0, 3, 1, 2), mean, std)).float().cpu())
        if report:
            report(start + len(batch), len(images))
    model.train(was_training)
    return torch.cat(logits)


def score(logits: Tensor, labels: np.ndarray, classes: int) -> Result:
    """Compare the largest logits of each row (N, classes) with its label."""
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (labels, logits.argmax(1).numpy()), 1)
    right, images = confusion.diagonal(), confusion.sum(1)
    top5 = None
    if classes > 10:
        found = (logits.topk(5).indices == torch.from_numpy(labels)[:, None]).any(1)
        top5 = float(found.double().mean())
    return Result(
        accuracy=float(right.sum() / len(labels)), images=len(labels),
        class_accuracy=[float(of / count) if count else float("nan")
                        for of, count in zip(right, images)],
        class_images=images.tolist(), confusion=confusion, top5_accuracy=top5,
    )


def check_match(manifest: Manifest, data: ImageData) -> None:
    """Raise ValueError unless the network of `manifest` can read and name the images of `data`."""
    if manifest.task != "image-classification":
        raise ValueError(f"{manifest.name} is a {manifest.task}, it classifies no images")
    wanted = (manifest.input.height, manifest.input.width, manifest.input.channels)
    found = data.test.images.shape[1:]
    if found != wanted:
        raise ValueError(
            f"{manifest.name} reads {_size(wanted)} images, {data.name} has {_size(found)}; "
            "choose the data set that it was trained on with --data, and --size for --data folder")
    if len(data.labels) != manifest.network.num_classes:
        raise ValueError(
            f"{manifest.name} knows {manifest.network.num_classes} classes, {data.name} has "
            f"{len(data.labels)}; choose the data set that it was trained on with --data")
    if _are_numbers(manifest.labels) or _are_numbers(data.labels):
        return
    # Folders are read in the order of their names: the seventh class here may be another there.
    for number, (known, here) in enumerate(zip(manifest.labels, data.labels)):
        if known != here:
            raise ValueError(
                f"class {number} of {manifest.name} is {known}, that of {data.name} is {here}; "
                "choose the data set that it was trained on with --data, and name folders of "
                "classes as they were then")


def _are_numbers(labels: list[str]) -> bool:
    """Names that stand in for those of the classes, where a source of the data has none."""
    return all(name in (str(number), f"class {number}") for number, name in enumerate(labels))


def _size(shape: tuple) -> str:
    return "x".join(map(str, shape))
