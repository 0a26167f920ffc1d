"""Searching on images: the two halves of a training set on the device, batch by batch.

Liu et al. 2019 (arXiv 1806.09055, section 3.1): weights learn on one half, alphas on the other.
Everything random is a function of the generator that torch has been seeded with.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from search.settings import ConvSettings
from search.spaces.allowed import Allowed
from search.spaces.discretize import Mixing
from search.supernets.base import Batch, StepOutput
from search.supernets.conv import CellClass, Supernet
from search.supernets.conv_fused import MergedCell
from zoo.data.base import DataError, ImageData
from zoo.data.transforms import cutout, normalize, random_crop, random_flip

SMALLEST = 4  # pixels a side that two reductions leave something of


class ImageSearchTask:
    """`share` (rank, of) gives each of several processes its own part of every batch.

    Raises DataError for a data set with one class only, images that two reductions would reduce
    to nothing, or too few images for two halves.
    """

    unit, metric, space = "images", "accuracy", "conv"
    allowed: Allowed | None = None

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
                            "batch-norm needs two images in each; start fewer")
        self.steps = cut // self.batch_size

    def _on_device(self, data: ImageData, chosen: np.ndarray) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(data.train.images[chosen]).permute(0, 3, 1, 2)
        labels = torch.from_numpy(data.train.labels[chosen])
        return images.contiguous().to(self.device), labels.to(self.device)

    def supernet(self, cell: CellClass = MergedCell, kind: type[Supernet] = Supernet
                 ) -> Supernet:
        settings = self.settings
        return kind(cell, settings.channels, settings.layers, self.classes,
                    self.channels).to(self.device)

    def batches(self, number: int) -> Iterator[tuple[Batch, Batch, float, int]]:
        """An epoch of (training batch, validation batch, scale of the rate, images seen)."""
        order = torch.randperm(len(self.train[1]))
        other = _endless(len(self.valid[1]), self.batch_size)
        for chosen in order.split(self.batch_size)[:self.steps]:
            yield (self._batch(self.train, chosen), self._batch(self.valid, next(other)), 1.0,
                   len(chosen))

    def steps_in(self, number: int) -> int:
        return self.steps

    def carry(self, train: StepOutput, valid: StepOutput | None) -> None:
        """Images have no state to hand on."""

    def state_dict(self) -> dict:
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Nothing lasts from epoch to epoch."""

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
        """How many of a batch are recognized."""
        return (outcome.logits.detach().argmax(1) == batch[1]).sum()

    @torch.no_grad()
    def evaluate(self, network: Supernet, mixing: Mixing) -> dict[str, float]:
        """`loss` and `accuracy` on the half that the alphas learn on, without augmentation."""
        loss = right = count = 0.0
        images, labels = self.valid
        for pixels, wanted in zip(images.split(self.batch_size), labels.split(self.batch_size)):
            if len(wanted) < 2:
                continue  # batch-norm needs two images
            batch = normalize(pixels.float(), self.mean, self.std), wanted
            outcome = network.loss(batch, mixing)
            loss += outcome.loss.item() * len(wanted)
            right += self.num_correct(outcome, batch).item()
            count += len(wanted)
        return {"loss": loss / count, "accuracy": right / count}

    def example(self, size: int) -> Batch:
        """A batch of `size` images for this process, to measure memory with."""
        chosen = torch.arange(size).repeat_interleave(self.share[1]) % len(self.train[1])
        return self._batch(self.train, chosen)


def _endless(count: int, size: int) -> Iterator[Tensor]:
    """Whole batches of `size`, in a new order every time around."""
    while True:
        yield from torch.randperm(count).split(size)[:count // size]


def check_images(data: ImageData) -> None:
    """Raise DataError for what no search can learn from: one class, images too small, or files."""
    if not isinstance(data.train.images, np.ndarray):
        raise DataError(f"{data.name} is read from files a batch at a time, a search needs its "
                        "images in memory; give --data folder with a --size")
    found = np.unique(data.train.labels)
    if len(data.labels) < 2 or len(found) < 2:
        only = data.labels[found[0]] if len(found) else "none"
        raise DataError(f"the training images of {data.name} are all of one class ({only}); a "
                        "search needs at least two")
    side = min(data.train.images.shape[1:3])
    if side < SMALLEST:
        raise DataError(f"the images of {data.name} are {side} pixels small; two reductions need "
                        f"at least {SMALLEST} (scale a folder's images with --size)")
