"""Searching on images: the two halves of a training set on the device, batch by batch.

Liu et al. 2019 (arXiv 1806.09055, appendix A.1.1): weights learn on one half, alphas on the other.
All randomness comes from torch's seeded generator.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from search.settings import ConvSettings
from search.spaces.allowed import Allowed, columns
from search.spaces.discretize import Mixing
from search.supernets.base import Alphas, Batch, StepOutput
from search.supernets.conv import CellClass, Supernet
from search.supernets.conv_fused import MergedCell
from zoo.data.base import DataError, ImageData
from zoo.data.transforms import cutout, normalize, random_crop, random_flip

SMALLEST = 4  # pixels per side; two reductions leave one


class ImageSearchTask:
    """The task of an image supernet; `share` is (rank, number of processes).

    Each process gets its part of every batch.  Raises DataError for a data set with a single class,
    images too small for two reductions, or too few images for two halves.
    """

    unit, metric, space = "images", "accuracy", "conv"
    allowed: Allowed | None = None
    costs: Mixing | None = None

    def __init__(self, data: ImageData, settings: ConvSettings, device: torch.device, seed: int,
                 share: tuple[int, int] = (0, 1)) -> None:
        check_images(data)
        self.settings, self.device, self.share = settings, device, share
        self.mean, self.std = data.mean, data.std
        self.classes, self.channels = len(data.labels), data.train.images.shape[-1]
        count = len(data.train.labels)
        cut = int(count * settings.train_share)
        order = np.random.RandomState(seed % 2**32).permutation(count)
        self.train, self.valid = (self._on_device(data, part) for part in (order[:cut],
                                                                           order[cut:]))
        if min(cut, count - cut) < 2:
            raise DataError(f"{data.name} has {count} training images, too few for two halves")
        size = min(settings.batch_size, cut, count - cut)
        self.batch_size = size - size % share[1]
        if self.batch_size < 2 * share[1]:
            raise DataError(f"a batch of {size} images is too small for {share[1]} processes: "
                            "batch-norm needs two images in each; start fewer processes")
        self.steps = cut // self.batch_size

    def _on_device(self, data: ImageData, chosen: np.ndarray) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(data.train.images[chosen]).permute(0, 3, 1, 2)
        labels = torch.from_numpy(data.train.labels[chosen])
        return images.contiguous().to(self.device), labels.to(self.device)

    def supernet(self, cell: CellClass = MergedCell, kind: type[Supernet] = Supernet,
                 layers: int | None = None) -> Alphas:
        """A new supernet on the device, of `settings.layers` cells or of another depth."""
        settings = self.settings
        return kind(cell, settings.channels, layers or settings.layers, self.classes,
                    self.channels, len(columns(self.allowed, "conv"))).to(self.device)

    def batches(self, number: int) -> Iterator[tuple[Batch, Batch, float, int]]:
        """An epoch of (training batch, validation batch, learning-rate scale, images seen)."""
        order = torch.randperm(len(self.train[1]))
        other = _endless(len(self.valid[1]), self.batch_size)
        for chosen in order.split(self.batch_size)[:self.steps]:
            yield (self._batch(self.train, chosen), self._batch(self.valid, next(other)), 1.0,
                   len(chosen))

    def steps_in(self, number: int) -> int:
        return self.steps

    def carry(self, train: StepOutput, valid: StepOutput | None) -> None:
        """Do nothing: images have no hidden state."""

    def state_dict(self) -> dict:
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Do nothing: no state outlasts an epoch."""

    def _batch(self, half: tuple[Tensor, Tensor], chosen: Tensor) -> Batch:
        rank, of = self.share
        chosen = chosen[rank::of].to(self.device)
        pixels = half[0][chosen].float()
        if self.settings.crop_padding:
            pixels = random_crop(pixels, self.settings.crop_padding)
        if self.settings.flip:
            pixels = random_flip(pixels)
        images = normalize(pixels, self.mean, self.std)
        if self.settings.cutout:
            images = cutout(images, self.settings.cutout)
        return images.contiguous(memory_format=torch.channels_last), half[1][chosen]

    def num_correct(self, outcome: StepOutput, batch: Batch) -> Tensor:
        """The number of correct predictions of a batch."""
        return (outcome.logits.detach().argmax(1) == batch[1]).sum()

    @torch.no_grad()
    def evaluate(self, network: Supernet, mixing: Mixing) -> dict[str, float]:
        """`loss` and `accuracy` on the half that trains the alphas, without augmentation."""
        loss = correct = count = 0.0
        images, labels = self.valid
        for pixels, targets in zip(images.split(self.batch_size), labels.split(self.batch_size)):
            if len(targets) < 2:
                continue  # batch-norm needs two images
            batch = normalize(pixels.float(), self.mean, self.std), targets
            outcome = network.loss(batch, mixing)
            loss += outcome.loss.item() * len(targets)
            correct += self.num_correct(outcome, batch).item()
            count += len(targets)
        return {"loss": loss / count, "accuracy": correct / count}

    def example(self, size: int) -> Batch:
        """A batch of `size` images for this process, for measuring memory."""
        chosen = torch.arange(size).repeat_interleave(self.share[1]) % len(self.train[1])
        return self._batch(self.train, chosen)


def _endless(count: int, size: int) -> Iterator[Tensor]:
    """Full batches of `size` indices, reshuffled after every pass."""
    while True:
        yield from torch.randperm(count).split(size)[:count // size]


def check_images(data: ImageData) -> None:
    """Raise DataError for data that no search can use: one class, tiny images, images on disk."""
    if not isinstance(data.train.images, np.ndarray):
        raise DataError(f"{data.name} is read from disk batch by batch, but a search needs its "
                        "images in memory; use --data folder with --size")
    found = np.unique(data.train.labels)
    if len(data.labels) < 2 or len(found) < 2:
        only = data.labels[found[0]] if len(found) else "none"
        raise DataError(f"the training images of {data.name} are all of one class ({only}); a "
                        "search needs at least two")
    side = min(data.train.images.shape[1:3])
    if side < SMALLEST:
        raise DataError(f"the images of {data.name} have sides of {side} pixels; two reductions "
                        f"need at least {SMALLEST} (scale a folder's images with --size)")
