"""Loads image data sets by name: raw pixels 0..255, in memory except for imagenet, and labels.

CIFAR-10 and CIFAR-100: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny
Images", from the Hugging Face Hub, parquet files with its schema, or the official binary files.
Custom images come from a folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from zoo.data.base import IMAGENET_STATISTICS, DataError, ImageData, Split, statistics
from zoo.messages.notes import listed, note
from zoo.messages.spelling import choices

if TYPE_CHECKING:
    import numpy as np

    from zoo.artifact.manifest import Input  # brings pydantic, which `zoo list` does not wait for


#: The names that `load` accepts, with their help texts.
NAMES = {
    "digits": "scikit-learn's 8x8 scans, nothing to download",
    "cifar10": "CIFAR-10, from the Hugging Face Hub or --path",
    "cifar100": "CIFAR-100, from the Hugging Face Hub or --path",
    "folder": "your images at --path: train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png",
    "imagenet": "as folder, for large images that do not fit in memory; cut to 224 pixels",
}

_SCALED = ("folder", "imagenet")  # the others have a fixed size


def load(name: str, path: Path | str | None = None, size: int | None = None) -> ImageData:
    """Load the data set `name` from `path`; `size` scales the images of a folder.

    Raises DataError (ValueError) for an unknown name, missing, damaged or wrong files, images of
    different sizes, and fewer than two classes.
    """
    if name not in NAMES:
        raise DataError(f"unknown data set {choices(name, NAMES)}")
    if size is not None and name not in _SCALED:
        raise DataError(f"--size is for --data folder and imagenet; {name} has a fixed size")
    if path is not None:
        path = Path(path)
        if name == "digits":
            raise DataError("digits come with scikit-learn; omit --path")
        if not path.is_dir():
            raise DataError(f"{path} is not a folder; give the folder of the data set as --path")
    if name in _SCALED and path is None:
        raise DataError(f"--data {name} needs --path, a folder with train/ and test/")
    try:
        data = _read(name, path, size)
    except ModuleNotFoundError as error:
        raise DataError(f"{name} needs the package {error.name}, which is not installed: "
                        "pip install 'genotype-zoo[data]'") from None
    for split, role in ((data.train, "training"), (data.valid, "validation"), (data.test, "test")):
        present = set(split.labels.tolist()) if split else set(range(len(data.labels)))
        if missing := [label for n, label in enumerate(data.labels) if n not in present]:
            note(f"{name} has no {role} images of the class{'es' * (len(missing) > 1)} "
                 f"{listed(missing)}")
    return data


def load_for(spec: Input, name: str, path: Path | str | None = None) -> ImageData:
    """`load`, with custom images scaled to the input size of a network.  Raises as `load` does."""
    scaled = name in _SCALED and spec.height == spec.width
    return load(name, path, spec.height if scaled else None)


def _read(name: str, path: Path | None, size: int | None) -> ImageData:
    # The readers are imported lazily, since they need different libraries.
    valid = None
    if name == "digits":
        from zoo.data.sets.digits import load_digits

        train, test = load_digits()
        labels = list("0123456789")
    elif name == "folder":
        from zoo.data.sets import image_folder

        assert path is not None  # checked by `load`
        train, test, valid, labels = image_folder.load(path, size)
    elif name == "imagenet":
        from zoo.data.sets import imagenet

        assert path is not None
        *splits, labels = imagenet.load(path, size)
        # LazyImages act as an array for code that reads parts of them with `np.asarray`.
        train, test, held = (split and Split(cast("np.ndarray", split[0]), split[1])
                             for split in splits)
        assert train and test
        return ImageData(name, train, test, labels, *IMAGENET_STATISTICS, held)
    else:
        from zoo.data.sets import cifar

        train, test, labels = cifar.load(name, path)
        return ImageData(name, Split(*train), Split(*test), labels, *cifar.STATISTICS[name])
    return ImageData(name, Split(*train), Split(*test), labels, *statistics(train[0]),
                     valid and Split(*valid))
