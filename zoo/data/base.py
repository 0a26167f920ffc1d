"""The parts shared by all data sets: splits, checksums, statistics and the error."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

import numpy as np


class DataError(ValueError):
    """A data set that cannot be read; the message names the fault and the remedy."""


@dataclass(frozen=True)
class Split:
    """`images` (N, H, W, C), uint8 or float32, 0..255, and `labels` (N,), int64.

    Images are an array or `zoo.data.sets.imagenet.LazyImages`, which `np.asarray` reads.
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class ImageData:
    """A data set: its splits, class names, and statistics of each channel.

    `mean` and `std` are those of the training pixels scaled to 0..1.  `valid` is the validation
    split that comes with the data set, if any.
    """

    name: str
    train: Split
    test: Split
    labels: list[str]
    mean: list[float]
    std: list[float]
    valid: Split | None = None


#: The customary mean and standard deviation of the ILSVRC training images, scaled to 0..1.
IMAGENET_STATISTICS = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def fingerprint(data: ImageData) -> str:
    """sha256 of the training and validation images, which a resumed run must match."""
    digest = hashlib.sha256()
    for split in (data.train, data.valid):
        if split:
            images = split.images
            in_memory = isinstance(images, np.ndarray)
            digest.update(images.tobytes() if in_memory else images.fingerprint())
            digest.update(split.labels.tobytes())
    return digest.hexdigest()


def hold_out(data: ImageData, count: float, seed: int) -> tuple[ImageData, Split]:
    """Split `count` training images off `data`, stratified by class; below 1, `count` is a share.

    Returns the remaining data and the split.  Raises DataError if a class has too few images.
    """
    from sklearn.model_selection import train_test_split

    images, labels = data.train.images, data.train.labels
    try:
        parts = train_test_split(np.arange(len(labels)), test_size=count,
                                 random_state=seed % 2**32, stratify=labels)
    except ValueError:
        numbers, sizes = np.unique(labels, return_counts=True)
        if sizes.min() < 2:
            why = f"class {data.labels[numbers[sizes.argmin()]]} has one image; add more"
        elif count < len(numbers):
            why = f"hold out at least {len(numbers)}, one for each class"
        else:
            most = max(0, len(labels) - len(numbers))
            why = f"hold out at most {most}, so that each class keeps one"
        raise DataError(f"cannot hold out {count} of the training images of {data.name}, "
                        f"stratified by class: {why}") from None
    rest, held = (Split(images[part], labels[part]) for part in map(np.sort, parts))
    return dataclasses.replace(data, train=rest), held


def statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of (N, H, W, C) 0..255, scaled to 0..1.

    A constant channel gets standard deviation 1.
    """
    pixels = images.reshape(-1, images.shape[-1])
    mean = pixels.mean(axis=0, dtype=np.float64) / 255
    deviation = pixels.std(axis=0, dtype=np.float64) / 255
    return ([round(float(value), 6) for value in mean],
            [round(float(value), 6) or 1.0 for value in deviation])
