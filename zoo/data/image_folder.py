"""Images of one's own: a folder with train/CLASS/*.png and test/CLASS/*.png (or val/).

The layout of ImageNet and of torchvision's ImageFolder; classes in alphabetical order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.base import DataError
from zoo.data.pictures import DAMAGED, area_average, brightness, on_white

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"}
_GREY = {"1", "L", "LA", "I;16", "I;16B"}
_DAMAGED = (*DAMAGED, Image.DecompressionBombError)

#: The images of a split and the numbers of their classes: in memory, and as files.
Images = tuple[np.ndarray, np.ndarray]
Files = list[tuple[Path, int]]


def load(path: Path, size: int | None = None) -> tuple[Images, Images, list[str]]:
    """((images, labels) of train, of test, class names); images uint8 (N, H, W, C).

    `size` makes every image size x size as `zoo.data.pictures` does (middle square, area average);
    without it all must be of one size.  One channel when every image is grey, else three.
    Raises DataError.
    """
    train, test, classes = class_files(path, size)
    channels = _channels([file for split in (train, test) for file, _ in split])
    splits: list[Images] = []
    first: tuple[Path, tuple[int, ...]] | None = None
    for split in (train, test):
        images: list[np.ndarray] = []
        for file, _ in split:
            images.append(_read(file, size, channels))
            first = first or (file, images[0].shape)
            if images[-1].shape != first[1]:
                sides = [f"{shape[1]}x{shape[0]}" for shape in (images[-1].shape, first[1])]
                raise DataError(f"{file} is {sides[0]}, {first[0]} is {sides[1]}; give one --size "
                                "for all")
        labels = np.array([label for _, label in split], dtype=np.int64)
        splits.append((np.stack(images), labels))
    return splits[0], splits[1], classes


def class_files(path: Path, size: int | None) -> tuple[Files, Files, list[str]]:
    """((file, number of its class) of each training image, of each test image, class names).

    Raises DataError for a folder that is missing or empty, fewer than two classes, a bad size.
    """
    if size is not None and size < 1:
        raise DataError(f"--size must be at least 1, not {size}")
    train = path / "train"
    test = path / "val" if (path / "val").is_dir() and not (path / "test").is_dir() \
        else path / "test"
    for folder in (train, test):
        if not folder.is_dir():
            raise DataError(f"{path} has no folder {folder.name}/; expected train/CLASS/*.png and "
                            "test/CLASS/*.png (or val/)")
    classes = _classes(train)
    if len(classes) < 2:
        raise DataError(f"{train} has {len(classes) or 'no'} class folder"
                        f"{'s' * (len(classes) == 0)}; a classifier needs at least two")
    if extra := sorted(set(_classes(test)) - set(classes)):
        raise DataError(f"{test} has the class {extra[0]}, which {train} has not")
    return _files(train, classes), _files(test, classes), classes


def _classes(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()
                  if entry.is_dir() and not entry.name.startswith("."))


def _files(folder: Path, classes: list[str]) -> Files:
    """Every image of a split with the number of its class."""
    found: Files = []
    for number, name in enumerate(classes):
        images = [file for file in sorted((folder / name).glob("*"))
                  if file.suffix.lower() in SUFFIXES]
        if not images and folder.name == "train":
            raise DataError(f"{folder / name} holds no images ({', '.join(sorted(SUFFIXES))})")
        found += [(image, number) for image in images]
    if not found:
        raise DataError(f"{folder} holds no images ({', '.join(sorted(SUFFIXES))})")
    return found


def _channels(files: list[Path]) -> int:
    """1 when all images are grey, else 3."""
    for file in files:
        with open_image(file) as image:
            if image.mode not in _GREY:
                return 3
    return 1


def open_image(file: Path) -> Image.Image:
    """An image of which only the head is read yet.  Raises DataError when that is damaged."""
    try:
        return Image.open(file)
    except _DAMAGED:
        raise DataError(f"{file} is no image that can be read; take it out") from None


def _read(file: Path, size: int | None, channels: int) -> np.ndarray:
    """One image as uint8 (H, W, channels)."""
    pixels = read(file)
    pixels = brightness(pixels) if channels == 1 else pixels
    if size is not None:
        pixels = np.rint(area_average(pixels, size, size)).astype(np.uint8)
    return pixels


def read(file: Path) -> np.ndarray:
    """An image as pictures are read when the network is used, uint8 (H, W, 3): upright, on white.
    Raises DataError naming the file when it is damaged or cut off."""
    with open_image(file) as image:
        try:
            return on_white(image)
        except _DAMAGED:
            raise DataError(f"{file} is cut off; take it out or get it again") from None
