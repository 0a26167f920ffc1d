"""Large images that do not fit in memory, read lazily, in the layouts of `folder_layout`.

ILSVRC 2012: Russakovsky et al. 2015 (arXiv 1409.0575).  Augmentation as in the 2018 DARTS release:
a random crop of 8 % to all of the image (Szegedy et al. 2014, arXiv 1409.4842), random brightness,
contrast, saturation and hue (Howard 2013, arXiv 1312.5402); evaluation on the central crop.
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
FEW = 2048  # images that are read faster than worker processes start


class LazyImages:
    """Images (N, size, size, 3), uint8, read from files by `np.asarray` of a part.

    The shorter side is scaled to 8/7 of `size` (256 for 224), then the center is cropped.
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
        with ThreadPoolExecutor() as threads:  # Pillow releases the GIL while decoding
            images = list(threads.map(self._read, self.files))
        return np.stack(images).astype(dtype or np.uint8, copy=False)

    def _read(self, file: Path) -> np.ndarray:
        return np.asarray(middle(Image.fromarray(read(file)), self.size, file))

    def fingerprint(self) -> bytes:
        """The image size, and the names and sizes of the files in place of their content."""
        return f"{self.size}\n".encode() + "".join(
            f"{file.parent.name}/{file.name} {file.stat().st_size}\n"
            for file in self.files).encode(errors="surrogateescape")


#: The images of a split and their class numbers.
Images = tuple[LazyImages, np.ndarray]


def load(path: Path, size: int | None = None
         ) -> tuple[Images, Images, Images | None, list[str]]:
    """((images, labels) of train, of test, of validation or None, class names); images as
    `LazyImages`.

    `size` is the input size of the network, by default 224.
    Raises DataError as `zoo.data.sets.image_folder.class_files` does.
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
    """Images (size, size, 3), uint8, cropped and color-jittered according to `recipe`.

    Random numbers depend only on `seed` and the index, not on the worker.  For a damaged file the
    item is a DataError: raised in a worker, it would not give a one-line message.
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
    """Raw pixels (N, 3, H, W) of each batch of image indices, prefetched by `workers` processes.

    Raises DataError for a damaged file.
    """
    if workers is None:
        processes = int(os.environ.get("LOCAL_WORLD_SIZE", distributed.size()))
        few = sum(map(len, batches)) < FEW
        workers = 0 if few else min(16, max(1, _cores() // processes))
    loader = DataLoader(images, batch_sampler=[batch.tolist() for batch in batches],
                        num_workers=workers, collate_fn=_stack, pin_memory=pinned,
                        generator=torch.Generator())  # does not advance the global generator
    for batch in loader:
        if isinstance(batch, DataError):
            raise batch
        yield batch.permute(0, 3, 1, 2)


def _stack(images: list[Tensor | DataError]) -> Tensor | DataError:
    damaged = (image for image in images if isinstance(image, DataError))
    whole = [image for image in images if isinstance(image, Tensor)]
    return next(damaged, None) or torch.stack(whole)


def _cores() -> int:
    """The number of CPU cores available to this process, if known."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def random_crop(image: Image.Image, size: int, smallest: float,
                random: np.random.Generator) -> Image.Image:
    """Crop `smallest` to all of the area, with aspect ratio 3:4 to 4:3, scaled to `size`."""
    width, height = image.size
    for _ in range(10):
        area = width * height * random.uniform(smallest, 1)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            left = int(random.integers(width - wide, endpoint=True))
            top = int(random.integers(height - high, endpoint=True))
            break
    else:  # a very long image: the largest allowed central crop
        wide = min(width, round(height * 4 / 3))
        high = min(height, round(width * 4 / 3))
        left, top = (width - wide) // 2, (height - high) // 2
    return image.resize((size, size), Image.Resampling.BILINEAR,
                        box=(left, top, left + wide, top + high))


def random_colors(image: Image.Image, strength: float, hue: float,
                   random: np.random.Generator) -> Image.Image:
    """Scale brightness, contrast and saturation by 1 - `strength` to 1 + `strength` and rotate the
    hue by up to `hue` of the circle, in random order."""
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
