"""Evaluates an image network: logits, and accuracy overall and by class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from zoo.artifact.manifest import Manifest
from zoo.data.base import ImageData
from zoo.data.transforms import normalize
from zoo.messages.notes import note


@dataclass(frozen=True)
class Result:
    """`accuracy` in 0..1 over `images` images, overall and by class in the order of the labels.

    `confusion` (classes, classes) counts images by true class (row) and predicted class (column).
    `top5_accuracy` is set for more than ten classes.
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
    """Compute logits (N, classes), float32 on the CPU, for raw images (N, H, W, C) 0..255.

    The model keeps its device and mode.  `report(images done, total images)` is called after each
    batch.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    logits = []
    for start in range(0, len(images), batch_size):
        part = np.asarray(images[start:start + batch_size])  # lazy images are read here
        batch = torch.from_numpy(part).to(device).float()
        logits.append(model(normalize(batch.permute(0, 3, 1, 2), mean, std)).float().cpu())
        if report:
            report(start + len(batch), len(images))
    model.train(was_training)
    return torch.cat(logits)


def score(logits: Tensor, labels: np.ndarray, classes: int) -> Result:
    """Compare the largest logits of each row of (N, classes) with its label."""
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (labels, logits.argmax(1).numpy()), 1)
    right, images = confusion.diagonal(), confusion.sum(1)
    top5 = None
    if classes > 10:
        found = (logits.topk(5).indices == torch.from_numpy(labels)[:, None]).any(1)
        top5 = float(found.double().mean())
    return Result(
        accuracy=float(right.sum() / len(labels)), images=len(labels),
        class_accuracy=[float(correct / count) if count else float("nan")
                        for correct, count in zip(right, images)],
        class_images=images.tolist(), confusion=confusion, top5_accuracy=top5,
    )


def check_match(manifest: Manifest, data: ImageData) -> None:
    """Raise ValueError unless the network of `manifest` fits the images and classes of `data`.

    A note says if their classes cannot be compared by name.
    """
    if manifest.task != "image-classification":
        raise ValueError(f"{manifest.name} is a {manifest.task} and does not classify images")
    expected = (manifest.input.height, manifest.input.width, manifest.input.channels)
    actual = data.test.images.shape[1:]
    if actual != expected:
        raise ValueError(
            f"{manifest.name} reads {_size(expected)} images, {data.name} has {_size(actual)}; "
            "choose the data set that it was trained on with --data, and --size for --data folder")
    if len(data.labels) != manifest.network.num_classes:
        raise ValueError(
            f"{manifest.name} knows {manifest.network.num_classes} classes, {data.name} has "
            f"{len(data.labels)}; choose the data set that it was trained on with --data")
    unnamed = [_are_numbers(manifest.labels), _are_numbers(data.labels)]
    if any(unnamed):
        if not all(unnamed):
            numbered = manifest.name if unnamed[0] else data.name
            note(f"the classes of {manifest.name} and {data.name} are matched by position: those "
                 f"of {numbered} are numbers")
        return
    # Classes are sorted by folder name, so other names permute the class numbers.
    for number, (expected, actual) in enumerate(zip(manifest.labels, data.labels)):
        if expected != actual:
            raise ValueError(
                f"class {number} of {manifest.name} is {expected}, that of {data.name} is "
                f"{actual}; choose the data set that it was trained on with --data, with the same "
                "names of class folders")


def _are_numbers(labels: list[str]) -> bool:
    """Whether the labels are mere placeholders, for data sets without class names."""
    return all(name in (str(number), f"class {number}") for number, name in enumerate(labels))


def _size(shape: tuple) -> str:
    return "x".join(map(str, shape))
