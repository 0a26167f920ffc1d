"""Custom images, in the layouts of `zoo.data.sets.folder_layout`.

Classes are sorted alphabetically; images have any suffix that Pillow reads
(`zoo.data.picture_files`).  Prints a summary, and a note about ignored files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.data.base import DataError
from zoo.data.pictures import area_average, brightness, decode, opened
from zoo.data.sets.folder_layout import FileSplit, find
from zoo.messages.notes import listed, note, say
from zoo.system.memory import check_memory

_GRAY = {"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N"}

#: The images of a split with class numbers, in memory and as files.
Images = tuple[np.ndarray, np.ndarray]
Files = list[tuple[Path, int]]


@dataclass(frozen=True)
class FolderFiles:
    """(file, class number) of each image, by split; `valid` is None without such a split."""

    classes: list[str]
    train: Files
    test: Files
    valid: Files | None = None


def load(path: Path, size: int | None = None
         ) -> tuple[Images, Images, Images | None, list[str]]:
    """((images, labels) of train, of test, of validation or None, class names); images uint8 (N, H,
    W, C).

    Scales every image to size x size as `zoo.data.pictures` does (central square, area average);
    without `size` all must have the same size.  One channel if every image is gray, else three.
    Raises DataError.
    """
    found = class_files(path, size)
    splits = [found.train, found.test, *([found.valid] if found.valid else [])]
    files = [file for split in splits for file, _ in split]
    channels = _channels(files)
    sides = (size, size) if size is not None else decode(files[0]).shape[:2]
    first = (*sides, channels)
    # Stacking a split holds its images twice.
    held = len(files) + max(map(len, splits))
    check_memory(held * int(np.prod(first)), f"{len(files):,} images of {first[1]}x{first[0]}",
                 "give a smaller --size, or --data imagenet, which reads images as they are needed")
    seen: dict[bytes, Path] = {}
    copies: list[str] = []
    read: list[Images] = []
    for split in splits:
        images: list[np.ndarray] = []
        for file, _ in split:
            pixels = decode(file)
            digest = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).digest()
            if split is found.train:
                seen.setdefault(digest, file)
            elif split is found.test and digest in seen:
                copies.append(f"{_short(file, path)} = {_short(seen[digest], path)}")
            images.append(_scaled(pixels, size, channels))
            if images[-1].shape != first:
                one, other = (f"{shape[1]}x{shape[0]}" for shape in (images[-1].shape, first))
                raise DataError(f"{file} is {one}, {files[0]} is {other}; give a --size for all")
        labels = np.array([label for _, label in split], dtype=np.int64)
        read.append((np.stack(images), labels))
    if copies:
        note(f"{path}: {len(copies):,} of {len(found.test):,} test images are copies of training "
             f"images, which inflates the accuracy: {listed(copies)}")
    return read[0], read[1], read[2] if found.valid else None, found.classes


def class_files(path: Path, size: int | None) -> FolderFiles:
    """The files of each split with their class numbers; prints a summary.

    Raises DataError as `zoo.data.sets.folder_layout.find` does, and for an invalid size.
    """
    if size is not None and size < 1:
        raise DataError(f"--size must be at least 1, not {size}")
    layout = find(path)
    if ignored := [_short(entry, path) + "/" * entry.is_dir()
                   for split in layout.splits for entry in sorted(split.others)]:
        count = sum(split.count for split in layout.splits)
        kind = "CLASS/FILE" if layout.train.folder == path else "train/CLASS/FILE"
        note(f"{path}: read {count:,} images and ignored {len(ignored)} others, not a {kind} that "
             f"Pillow reads: {listed(ignored)}")
    numbers = {name: number for number, name in enumerate(layout.classes)}

    def numbered(split: FileSplit) -> Files:
        return [(file, numbers[name]) for name in layout.classes
                for file in split.files.get(name, ())]

    valid = numbered(layout.valid) if layout.valid else None
    validation = f", {len(valid):,} validation" if valid else ""
    say(f"{path.resolve().name}: {len(numbers)} classes ({listed(layout.classes)}), "
        f"{layout.train.count:,} training{validation} and {layout.test.count:,} test images")
    return FolderFiles(layout.classes, numbered(layout.train), numbered(layout.test), valid)


def _short(file: Path, path: Path) -> str:
    return file.relative_to(path).as_posix()


def _channels(files: list[Path]) -> int:
    """1 if all images are gray, else 3."""
    for file in files:
        with opened(file) as image:
            if image.mode not in _GRAY:
                return 3
    return 1


def _scaled(pixels: np.ndarray, size: int | None, channels: int) -> np.ndarray:
    """One image as uint8 (H, W, channels)."""
    pixels = brightness(pixels) if channels == 1 else pixels
    if size is not None:
        pixels = np.rint(area_average(pixels, size, size)).astype(np.uint8)
    return pixels
