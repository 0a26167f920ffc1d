"""Large images that do not fit in memory, read lazily; see `folder_layout`.

ILSVRC 2012: Russakovsky et al. 2015 (arXiv 1409.0575).  Training crops: Szegedy et al. 2014
(1409.4842); colors: Howard 2013 (1312.5402), as in the 2018 DARTS release: a random crop of 8 %
to all of the image, brightness, contrast, saturation and hue; tests on the middle of the image.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from zoo.data.base import DataError
from zoo.data.pictures import decode as read
from zoo.data.pictures import middle
from zoo.data.sets.image_folder import Files, class_files
from zoo.recipes.image import Recipe
from zoo.system import distributed

SIZE = 224
FEW = 2048  # images that are read before worker processes have started


class LazyImages:
    """Images (N, size, size, 3), uint8, in files: `np.asarray` of a part reads it.

    Each is scaled so that its shorter side is 8/7 of `size` (256 for 224), and cut from the middle.
    """

    def __init__(self, files: Sequence[Path], size: int) -> None:
        self.files, self.size = list(files), size

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, size, size, 3)."""
        return len(self.files), self.size, self.size, 3

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, chosen: slice | np.ndarray) -> LazyImages:
        files = self.files[chosen] if isinstance(chosen, slice) else \
            [self.files[number] for number in chosen]
        return LazyImages(files, self.size)

    def __array__(self, dtype: np.typing.DTypeLike | None = None,
                  copy: bool | None = None) -> np.ndarray:
        with ThreadPoolExecutor() as threads:  # Pillow decodes outside of Python's lock
            images = list(threads.map(self._read, self.files))
        return np.stack(images).astype(dtype or np.uint8, copy=False)

    def _read(self, file: Path) -> np.ndarray:
        return np.asarray(middle(Image.fromarray(read(file)), self.size, file))

    def fingerprint(self) -> bytes:
        """The side, and names and sizes of the files, which stand for what is in them."""
        return f"{self.size}\n".encode() + "".join(
            f"{file.parent.name}/{file.name} {file.stat().st_size}\n"
            for file in self.files).encode(errors="surrogateescape")


#: The images of a split and the numbers of their classes.
Images = tuple[LazyImages, np.ndarray]


def load(path: Path, size: int | None = None
         ) -> tuple[Images, Images, Images | None, list[str]]:
    """((images, labels) of train, of test, of validation or None, class names); images as
    `LazyImages`.

    `size` is the side of the square that the network reads, 224 unless given.
    Raises DataError for folders that are missing or empty, or fewer than two classes.
    """
    found = class_files(path, size)
    side = size or SIZE
    valid = _lazy(found.valid, side) if found.valid else None
    return _lazy(found.train, side), _lazy(found.test, side), valid, found.classes


def _lazy(files: Files, size: int) -> Images:
    return (LazyImages([file for file, _ in files], size),
            np.array([label for _, label in files], dtype=np.int64))


# --- training ---------------------------------------------------------------------------------


class TrainingImages(Dataset[Tensor | DataError]):
    """Image number `index`, (size, size, 3) uint8, cut out and colored as `recipe` says.

    What is random is a function of `seed`, whole numbers, and of the index: in any worker the
    same.  A file that is of no use gives its DataError, which would not come out of a worker in
    one line.
    """

    def __init__(self, images: LazyImages, recipe: Recipe, seed: Sequence[int]) -> None:
        self.images, self.recipe, self.seed = images, recipe, tuple(seed)

    def __getitem__(self, index: int) -> Tensor | DataError:
        random = np.random.default_rng([*self.seed, index])
        file, size = self.images.files[index], self.images.size
        try:
            image = Image.fromarray(read(file))
            if self.recipe.resized_crop:
                image = random_crop(image, size, self.recipe.resized_crop, random)
            else:
                image = middle(image, size, file)
        except DataError as error:
            return error
        image = random_colors(image, self.recipe.color, self.recipe.hue, random)
        return torch.from_numpy(np.array(image))


def read_batches(images: TrainingImages, batches: Sequence[Tensor], pinned: bool = False,
                 workers: int | None = None) -> Iterator[Tensor]:
    """Raw pixels (N, 3, H, W) of each batch of image numbers, read ahead by `workers` processes.

    Raises DataError for a damaged file.
    """
    if workers is None:
        processes = int(os.environ.get("LOCAL_WORLD_SIZE", distributed.size()))
        few = sum(map(len, batches)) < FEW
        workers = 0 if few else min(16, max(1, _cores() // processes))
    loader = DataLoader(images, batch_sampler=[batch.tolist() for batch in batches],
                        num_workers=workers, collate_fn=_stack, pin_memory=pinned,
                        generator=torch.Generator())  # else it draws from the global one
    for batch in loader:
        if isinstance(batch, DataError):
            raise batch
        yield batch.permute(0, 3, 1, 2)


def _stack(images: list[Tensor | DataError]) -> Tensor | DataError:
    damaged = (image for image in images if isinstance(image, DataError))
    whole = [image for image in images if isinstance(image, Tensor)]
    return next(damaged, None) or torch.stack(whole)


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def random_crop(image: Image.Image, size: int, smallest: float,
                random: np.random.Generator) -> Image.Image:
    """A part of `smallest` to all of the area, 3:4 to 4:3, scaled to `size` x `size`."""
    width, height = image.size
    for _ in range(10):
        area = width * height * random.uniform(smallest, 1)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            left = int(random.integers(width - wide, endpoint=True))
            top = int(random.integers(height - high, endpoint=True))
            break
    else:  # a very long image: the middle, at a ratio that is allowed
        wide = min(width, round(height * 4 / 3))
        high = min(height, round(width * 4 / 3))
        left, top = (width - wide) // 2, (height - high) // 2
    return image.resize((size, size), Image.Resampling.BILINEAR,
                        box=(left, top, left + wide, top + high))


def random_colors(image: Image.Image, strength: float, hue: float,
                   random: np.random.Generator) -> Image.Image:
    """Brightness, contrast and saturation times 1 - `strength` to 1 + `strength`, the hue turned
    by up to `hue` of the circle, in any order."""
    for kind in random.permutation(4):
        if kind < 3 and strength:
            enhance = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)[kind]
            image = enhance(image).enhance(random.uniform(max(0, 1 - strength), 1 + strength))
        elif kind == 3 and hue:
            angle, saturation, value = image.convert("HSV").split()
            turn = round(random.uniform(-hue, hue) * 255)
            angle = angle.point([(old + turn) % 256 for old in range(256)])
            image = Image.merge("HSV", (angle, saturation, value)).convert("RGB")
    return image
