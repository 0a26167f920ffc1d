"""A training set whole on the device, cut into augmented batches: an epoch in a new order each.

All randomness comes from torch's global generators, except for drawn digits, which are a
function of seed and epoch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from zoo.augment import augment, cutout
from zoo.datasets import ImageData
from zoo.drawn_digits import draw
from zoo.evaluate import normalise
from zoo.recipe import Recipe


class Batches:
    """`count` images an epoch in `steps` batches."""

    def __init__(self, data: ImageData, recipe: Recipe, seed: int, device: torch.device):
        self.recipe, self.seed, self.device = recipe, seed, device
        self._real = self._move(data.train.images, data.train.labels)
        self._mean, self._std = (torch.tensor(values, dtype=torch.float32, device=device)
                                 for values in (data.mean, data.std))
        self.count = len(data.train.labels) + recipe.drawings
        # A last batch of a single image would leave batch-norm nothing to average over.
        self.steps = self.count // recipe.batch_size + (self.count % recipe.batch_size > 1)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images (N, C, H, W), float32, normalised, channels last, and labels (N,)."""
        pixels, labels = self._real
        if self.recipe.drawings:  # new ones in every epoch, the same ones after a resume
            drawn = self._move(*draw(self.recipe.drawings, [self.seed, number]))
            pixels, labels = (torch.cat(pair) for pair in zip(self._real, drawn))
        order = torch.randperm(self.count).to(self.device)
        for chosen in order.split(self.recipe.batch_size)[:self.steps]:
            images = augment(pixels[chosen].float(), self.recipe)
            images = normalise(images, self._mean, self._std)
            if self.recipe.cutout:
                images = cutout(images, self.recipe.cutout)
            yield images.contiguous(memory_format=torch.channels_last), labels[chosen]

    def _move(self, images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        """Raw pixels (N, C, H, W) and labels, as tensors on the device."""
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
        return pixels.to(self.device), torch.from_numpy(labels).to(self.device)
