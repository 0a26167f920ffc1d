"""Images of one's own: a folder with train/CLASS/*.png and test/CLASS/*.png (or val/).

The layout of ImageNet and of torchvision's ImageFolder; classes in alphabetical order, images by
any suffix that Pillow reads (`zoo.data.picture_files`).  What is left out is told in one note.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.base import DataError
from zoo.data.picture_files import is_picture
from zoo.data.pictures import DAMAGED, NoRangeError, area_average, brightness, on_white
from zoo.system.notes import listed, note

_GREY = {"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N"}
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
    _refuse_other_classes(train, test, classes)
    if test.name == "test" and (path / "val").is_dir():
        note(f"{path / 'val'} is not read, as there is a test/; hold images out of train/ with "
             "--validation")
    (train_files, beside), (test_files, beside_test) = (
        _files(folder, classes) for folder in (train, test))
    if left_out := [entry.relative_to(path).as_posix() + "/" * entry.is_dir()
                    for entry in (*sorted(beside), *sorted(beside_test))]:
        note(f"{path}: {len(left_out)} left out beside {len(train_files) + len(test_files):,} "
             f"images, as no train/CLASS/FILE that Pillow reads: {listed(left_out)}")
    return train_files, test_files, classes


def _classes(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()
                  if entry.is_dir() and not entry.name.startswith("."))


def _refuse_other_classes(train: Path, test: Path, classes: list[str]) -> None:
    """Raise DataError, with what each side has alone, where the test has a class of its own."""
    there = _classes(test)
    extra, missing = sorted(set(there) - set(classes)), sorted(set(classes) - set(there))
    if extra:
        also = f", and {train} has {listed(missing)}, which {test} has not" if missing else ""
        raise DataError(f"{test} has the class{'es' * (len(extra) > 1)} {listed(extra)}, which "
                        f"{train} has not{also}; give both folders the same classes")


def _files(folder: Path, classes: list[str]) -> tuple[Files, list[Path]]:
    """Every image of a split with the number of its class; what lies beside them, and is no class
    and no image."""
    found: Files = []
    empty: list[str] = []
    beside = [entry for entry in folder.iterdir()
              if entry.name.startswith(".") or not entry.is_dir()]
    for number, name in enumerate(classes):
        images: list[Path] = []
        with contextlib.suppress(FileNotFoundError), os.scandir(folder / name) as entries:
            for entry in entries:  # it knows which are folders without asking the disk for each
                taken = is_picture(entry.name) and not entry.is_dir()
                (images if taken else beside).append(Path(entry.path))
        if not images:
            empty.append(name)
        found += [(image, number) for image in sorted(images)]
    if not found or (empty and folder.name == "train"):
        where = folder if not found else folder / empty[0]
        more = "" if len(empty) < 2 or not found else (
            f", nor {'do' if len(empty) > 2 else 'does'} {listed(empty[1:])}")
        raise DataError(f"{where} holds no images (files that Pillow reads, as .png, .jpg or "
                        f".tif){more}; put some in, or take the folder out")
    return found, beside


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
        except NoRangeError as error:
            raise DataError(f"{file} {error}") from None
        except _DAMAGED:
            raise DataError(f"{file} is cut off; take it out or get it again") from None
