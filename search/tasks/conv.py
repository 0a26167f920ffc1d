"""The convolutional space: cells of image networks, searched on images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from search.candidates.image import ImageTraining, held_out, image_recipe
from search.limits.measures import CandidateNetwork
from search.settings import CONV_PRESETS, ConvSettings
from search.spaces.allowed import Allowed
from search.spaces.space import ConvSpace, frozen
from search.strategies.sampled import SampleSpace
from search.tasks.base import Domain
from search.tasks.image import ImageSearchTask, check_images
from zoo.data.base import ImageData, fingerprint
from zoo.data.images import load
from zoo.recipes.image import Recipe


class ConvDomain(Domain):
    space, data, supernets = "conv", "digits", CONV_PRESETS

    def load(self, name: str, path: Path | None, size: int | None, by: str | None) -> ImageData:
        if by is not None:
            raise ValueError("--by applies to texts only; leave it out")
        return load(name, path, size)

    def fingerprint(self, data: ImageData) -> str:
        return fingerprint(data)

    def supernet_settings(self, preset: str, data: str) -> ConvSettings:
        settings = super().supernet_settings(preset, data)
        assert isinstance(settings, ConvSettings)
        if preset == "quick" and data != "digits":
            settings = settings.but(crop_padding=4, flip=True)  # augmentation for photographs
        return settings

    def epoch_cost(self, data: ImageData, settings: ConvSettings) -> float:
        return settings.train_share * len(data.train.labels)

    def supernet_task(self, data: ImageData, settings: ConvSettings, device: torch.device,
                      seed: int, share: tuple[int, int]) -> ImageSearchTask:
        return ImageSearchTask(data, settings, device, seed, share)

    def cells(self, allowed: Allowed | None = None) -> SampleSpace:
        return ConvSpace(allowed=frozen(allowed))

    def recipe(self, preset: str, data: str) -> Recipe:
        return image_recipe(preset, data)

    def read_recipe(self, values: Mapping[str, Any]) -> Recipe:
        return Recipe.read(values)

    def network(self, data: ImageData, recipe: Recipe) -> CandidateNetwork:
        height, width, channels = data.train.images.shape[1:]
        return CandidateNetwork(self.space, recipe.network, {
            "channels": recipe.channels, "layers": recipe.layers, "num_classes": len(data.labels),
            "in_channels": channels}, (channels, height, width))

    def candidates(self, data: ImageData, recipe: Recipe, seed: int, device: str
                   ) -> ImageTraining:
        check_images(data)
        return ImageTraining(held_out(data, seed), recipe, device)
