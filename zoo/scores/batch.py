"""Batches for scores: images of a data set, or Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoo.data.base import DataError, ImageData
from zoo.data.transforms import normalize


@dataclass(frozen=True)
class Batch:
    """Normalized `images` (N, C, H, W) and their `labels` (N,), out of `classes` classes."""

    images: Tensor
    labels: Tensor
    classes: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        _, channels, height, width = self.images.shape
        return channels, height, width


def random_batch(count: int = 32, image_shape: tuple[int, int, int] = (3, 32, 32),
                 classes: int = 10, seed: int = 0) -> Batch:
    """Standard Gaussian noise with uniformly random labels.

    Examples:
        >>> from zoo.scores.batch import random_batch
        >>> random_batch(4, seed=1).images.shape
        torch.Size([4, 3, 32, 32])
    """
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, *image_shape, generator=generator)
    images = images.contiguous(memory_format=torch.channels_last)
    return Batch(images, torch.randint(classes, (count,), generator=generator), classes)


def data_batch(data: ImageData, count: int = 32, seed: int = 0) -> Batch:
    """`count` training images of `data`, sampled without replacement, not augmented.

    Raises DataError if `data` has fewer.
    """
    available = len(data.train.labels)
    if count > available:
        raise DataError(f"{data.name} has {available:,} training images, fewer than a batch of "
                        f"{count:,}; use a smaller --batch-size")
    drawn = np.sort(np.random.default_rng(seed).choice(available, count, replace=False))
    images = torch.from_numpy(np.ascontiguousarray(data.train.images[drawn])).permute(0, 3, 1, 2)
    return Batch(normalize(images.float(), data.mean, data.std),
                 torch.from_numpy(data.train.labels[drawn]), len(data.labels))
