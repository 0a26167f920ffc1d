"""Data sets of images by name: raw pixels 0..255, in memory but for imagenet, and labels.

CIFAR-10 and CIFAR-100: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny
Images".  They come from the Hugging Face hub, from parquet files with its schema, or from the
official binary files; images of one's own come from a folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.spelling import choices

if TYPE_CHECKING:
    from zoo.manifest import Input  # brings pydantic, which `zoo list` does not wait for


class DataError(ValueError):
    """A data set that cannot be read; the message names what is missing and the remedy."""


@dataclass(frozen=True)
class Split:
    """`images` (N, H, W, C), uint8 or float32, 0..255, and `labels` (N,), int64.

    Images are an array, or `zoo.imagenet.LazyImages`, whose parts `np.asarray` reads.
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class ImageData:
    """Two splits, the classes' names, and mean and deviation of each channel.

    `mean` and `std` are those of the training pixels scaled to 0..1.
    """

    name: str
    train: Split
    test: Split
    labels: list[str]
    mean: list[float]
    std: list[float]


#: Mean and deviation of the ILSVRC training images, scaled to 0..1, as everybody uses them.
IMAGENET_STATISTICS = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

#: What `load` takes, and what is said of each in `zoo train --help`.
NAMES = {
    "digits": "scikit-learn's 8x8 scans, nothing to download",
    "cifar10": "CIFAR-10, from the hub or --path",
    "cifar100": "CIFAR-100, from the hub or --path",
    "folder": "your images at --path: train/CLASS/*.png and test/CLASS/*.png",
    "imagenet": "as folder, for large images that do not fit in memory; cut to 224 pixels",
}

_SCALED = ("folder", "imagenet")  # the others have a size of their own


def load(name: str, path: Path | str | None = None, size: int | None = None) -> ImageData:
    """The data set `name`; `path` is where its files are, `size` scales those of a folder.

    Raises DataError (ValueError) for an unknown name, files that are missing, damaged or of
    another kind, images of differing size, fewer than two classes.
    """
    if name not in NAMES:
        raise DataError(f"unknown data set {choices(name, NAMES)}")
    if size is not None and name not in _SCALED:
        raise DataError(f"--size is for --data folder and imagenet; {name} has a size of its own")
    if path is not None:
        path = Path(path)
        if name == "digits":
            raise DataError("digits come with scikit-learn; leave --path out")
        if not path.is_dir():
            raise DataError(f"{path} is not a folder; --path names the folder of the data set")
    if name in _SCALED and path is None:
        raise DataError(f"--data {name} needs --path, the folder that holds train/ and test/")
    try:
        return _read(name, path, size)
    except ModuleNotFoundError as error:
        raise DataError(f"{name} needs the package {error.name}, which is not installed: "
                        "pip install 'genotype-zoo[data]'") from None


def load_for(spec: Input, name: str, path: Path | str | None = None) -> ImageData:
    """`load`, with images of one's own scaled to what a network reads.  Raises as `load` does."""
    scaled = name in _SCALED and spec.height == spec.width
    return load(name, path, spec.height if scaled else None)


def _read(name: str, path: Path | None, size: int | None) -> ImageData:
    # Each reader is loaded when it is asked for: they bring different libraries.
    if name == "digits":
        from zoo.digits import load_digits

        train, test = load_digits()
        labels = list("0123456789")
    elif name == "folder":
        from zoo import image_folder

        train, test, labels = image_folder.load(path, size)
    elif name == "imagenet":
        from zoo import imagenet

        train, test, labels = imagenet.load(path, size)
        return ImageData(name, Split(*train), Split(*test), labels, *IMAGENET_STATISTICS)
    else:
        from zoo import cifar

        train, test, labels = cifar.load(name, path)
        return ImageData(name, Split(*train), Split(*test), labels, *cifar.STATISTICS[name])
    return ImageData(name, Split(*train), Split(*test), labels, *statistics(train[0]))


def fingerprint(data: ImageData) -> str:
    """sha256 of the training set: a run goes on only with the images that it began with."""
    images = data.train.images
    whole = isinstance(images, np.ndarray)
    digest = hashlib.sha256(images.tobytes() if whole else images.fingerprint())
    digest.update(data.train.labels.tobytes())
    return digest.hexdigest()


def hold_out(data: ImageData, count: int, seed: int) -> tuple[ImageData, Split]:
    """`data` without `count` of its training images, and those: of each class its share.

    Raises DataError when that leaves nothing to train on, or a class has too few images.
    """
    from sklearn.model_selection import train_test_split

    images, labels = data.train.images, data.train.labels
    try:
        parts = train_test_split(np.arange(len(labels)), test_size=count,
                                 random_state=seed % 2**32, stratify=labels)
    except ValueError as error:
        raise DataError(f"{data.name} has too few training images to hold {count} out, of each "
                        f"class its share: {error}") from None
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
