"""What data sets are made of: splits of raw pixels with labels, and the error of all of them."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

import numpy as np


class DataError(ValueError):
    """A data set that cannot be read; the message names what is missing and the remedy."""


@dataclass(frozen=True)
class Split:
    """`images` (N, H, W, C), uint8 or float32, 0..255, and `labels` (N,), int64.

    Images are an array, or `zoo.data.sets.imagenet.LazyImages`, whose parts `np.asarray` reads.
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class ImageData:
    """Two splits, the classes' names, and mean and deviation of each channel.

    `mean` and `std` are those of the training pixels scaled to 0..1.  `valid` are validation images
    that come with the data set, where some do.
    """

    name: str
    train: Split
    test: Split
    labels: list[str]
    mean: list[float]
    std: list[float]
    valid: Split | None = None


#: Mean and deviation of the ILSVRC training images, scaled to 0..1, as everybody uses them.
IMAGENET_STATISTICS = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def fingerprint(data: ImageData) -> str:
    """sha256 of what is learned from, and of the images that the best epoch is chosen by: a run
    goes on only with those that it began with."""
    digest = hashlib.sha256()
    for split in (data.train, data.valid):
        if split:
            images = split.images
            whole = isinstance(images, np.ndarray)
            digest.update(images.tobytes() if whole else images.fingerprint())
            digest.update(split.labels.tobytes())
    return digest.hexdigest()


def hold_out(data: ImageData, count: float, seed: int) -> tuple[ImageData, Split]:
    """`data` without `count` of its training images, a number or, below 1, a share of them, and
    those: of each class its share.

    Raises DataError when that leaves nothing to train on, or a class has too few images.
    """
    from sklearn.model_selection import train_test_split

    images, labels = data.train.images, data.train.labels
    try:
        parts = train_test_split(np.arange(len(labels)), test_size=count,
                                 random_state=seed % 2**32, stratify=labels)
    except ValueError:
        numbers, sizes = np.unique(labels, return_counts=True)
        if sizes.min() < 2:
            why = f"class {data.labels[numbers[sizes.argmin()]]} has one image; give it more"
        elif count < len(numbers):
            why = f"there are {len(numbers)} classes, and so many are the fewest"
        else:
            most = max(0, len(labels) - len(numbers))
            why = f"at most {most} can be, so that each class keeps one"
        raise DataError(f"{data.name} has too few training images to hold {count} out, of each "
                        f"class its share: {why}") from None
    rest, held = (Split(images[part], labels[part]) for part in map(np.sort, parts))
    return dataclasses.replace(data, train=rest), held


def statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of (N, H, W, C) 0..255, for 0..1.

    A channel in which nothing varies gets deviation 1.
    """
    pixels = images.reshape(-1, images.shape[-1])
    mean = pixels.mean(axis=0, dtype=np.float64) / 255
    deviation = pixels.std(axis=0, dtype=np.float64) / 255
    return ([round(float(value), 6) for value in mean],
            [round(float(value), 6) or 1.0 for value in deviation])
