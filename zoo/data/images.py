"""Data sets of images by name: raw pixels 0..255, in memory but for imagenet, and labels.

CIFAR-10 and CIFAR-100: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny
Images".  They come from the Hugging Face Hub, from parquet files with its schema, or from the
official binary files; images of one's own come from a folder.
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


#: What `load` takes, and what is said of each in `zoo train --help`.
NAMES = {
    "digits": "scikit-learn's 8x8 scans, nothing to download",
    "cifar10": "CIFAR-10, from the Hugging Face Hub or --path",
    "cifar100": "CIFAR-100, from the Hugging Face Hub or --path",
    "folder": "your images at --path: train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png",
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
        data = _read(name, path, size)
    except ModuleNotFoundError as error:
        raise DataError(f"{name} needs the package {error.name}, which is not installed: "
                        "pip install 'genotype-zoo[data]'") from None
    for split, what, then in ((data.train, "training", "no network learns to know"),
                              (data.valid, "validation", "no epoch is chosen by"),
                              (data.test, "test", "no accuracy tells of")):
        known = set(split.labels.tolist()) if split else set(range(len(data.labels)))
        if missing := [label for n, label in enumerate(data.labels) if n not in known]:
            note(f"{name} has no {what} image of the class{'es' * (len(missing) > 1)} "
                 f"{listed(missing)}, which {then}")
    return data


def load_for(spec: Input, name: str, path: Path | str | None = None) -> ImageData:
    """`load`, with images of one's own scaled to what a network reads.  Raises as `load` does."""
    scaled = name in _SCALED and spec.height == spec.width
    return load(name, path, spec.height if scaled else None)


def _read(name: str, path: Path | None, size: int | None) -> ImageData:
    # Each reader is loaded when it is asked for: they bring different libraries.
    valid = None
    if name == "digits":
        from zoo.data.sets.digits import load_digits

        train, test = load_digits()
        labels = list("0123456789")
    elif name == "folder":
        from zoo.data.sets import image_folder

        assert path is not None  # `load` refuses that
        train, test, valid, labels = image_folder.load(path, size)
    elif name == "imagenet":
        from zoo.data.sets import imagenet

        assert path is not None
        *splits, labels = imagenet.load(path, size)
        # They stand for an array to all that read parts of them by `np.asarray`.
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
