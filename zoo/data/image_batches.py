"""Augmented batches of a training set, in a new order each epoch.

Small data sets are kept on the device and augmented there, batch by batch; worker processes read
and crop the images of `zoo.data.sets.imagenet`.  Randomness comes from torch's global generators or
is a function of seed, epoch and image, so that restoring the generators resumes a run exactly.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.base import ImageData
from zoo.data.sets.synthetic_digits import draw
from zoo.data.transforms import augment, cutout, normalize
from zoo.recipes.image import Recipe
from zoo.system import distributed


class Batches:
    """The batches of a training set: `steps` per epoch, each divided among the processes.

    Raises ValueError for a batch or a data set that is too small for the number of processes.
    """

    def __init__(self, data: ImageData, recipe: Recipe, seed: int, device: torch.device) -> None:
        self.data, self.recipe, self.seed, self.device = data, recipe, seed, device
        self._mean, self._std = (torch.tensor(values, dtype=torch.float32, device=device)
                                 for values in (data.mean, data.std))
        processes = distributed.size()
        if recipe.batch_size < 2 * processes:
            raise ValueError(f"a batch of {recipe.batch_size} images is too small for {processes} "
                             "processes: batch-norm needs two images in each; start fewer "
                             "processes")
        self.count = len(data.train.labels) + recipe.drawings
        # Drops a last batch with one image per process, for which batch-norm is undefined.
        keep_last = self.count % recipe.batch_size // processes > 1
        self.steps = self.count // recipe.batch_size + keep_last
        if self.steps == 0:
            raise ValueError(f"{self.count} training images are too few for {processes} processes: "
                             "batch-norm needs two in each; start fewer processes")
        self._labels = torch.from_numpy(data.train.labels).to(device)
        in_memory = isinstance(data.train.images, np.ndarray)
        self._pixels = self._move(data.train.images) if in_memory else None

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images (N, C, H, W), float32, normalized, channels last, and labels (N,)."""
        pixels, labels = self._pixels, self._labels
        if self.recipe.drawings:  # new in every epoch, but the same after a resume
            assert pixels is not None  # only digits, which are in memory, have drawings
            drawings, drawing_labels = draw(self.recipe.drawings, [self.seed, number])
            pixels = torch.cat([pixels, self._move(drawings)])
            labels = torch.cat([labels, torch.from_numpy(drawing_labels).to(self.device)])
        chosen = self._choose(number)
        if pixels is None:
            from zoo.data.sets.imagenet import (  # needs Pillow
                LazyImages,
                TrainingImages,
                read_batches,
            )

            files = self.data.train.images
            assert isinstance(files, LazyImages)
            images = TrainingImages(files, self.recipe, (self.seed, number))
            batches = read_batches(images, chosen, pinned=self.device.type == "cuda")
        else:
            chosen = [part.to(self.device) for part in chosen]
            batches = (pixels[part] for part in chosen)
        for batch, part in zip(batches, chosen):
            yield self._prepare(batch, number), labels[part.to(self.device)]

    def _choose(self, number: int) -> list[Tensor]:
        """The image indices of each batch, or of this process's part of it."""
        rank, size = distributed.rank(), distributed.size()
        generator = None
        if size > 1:  # the same order in all processes
            generator = torch.Generator().manual_seed(
                distributed.seed_of(self.seed, number, everywhere=True))
        order = torch.randperm(self.count, generator=generator)
        batches = itertools.islice(order.split(self.recipe.batch_size), self.steps)
        return [part[:len(part) - len(part) % size][rank::size] for part in batches]

    def _prepare(self, pixels: Tensor, epoch: int) -> Tensor:
        pixels = pixels.to(self.device, non_blocking=True).float()
        images = normalize(augment(pixels, self.recipe), self._mean, self._std)
        if self.recipe.cutout:
            images = cutout(images, self.recipe.cutout)
        if sizes := self.recipe.sizes:
            left = self.recipe.epochs - 1 - epoch  # counted back: the last epoch is full size
            size = sizes[-1 - left * len(sizes) // self.recipe.epochs]
            images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
        return images.contiguous(memory_format=torch.channels_last)

    def _move(self, images: np.ndarray) -> Tensor:
        """Raw pixels (N, C, H, W) on the device."""
        return torch.from_numpy(images).permute(0, 3, 1, 2).to(self.device)
