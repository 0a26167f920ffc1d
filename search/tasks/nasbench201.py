"""The space of NAS-Bench-201 (Dong & Yang 2020, arXiv 2001.00326), searched on images."""

from __future__ import annotations

import dataclasses

import torch

from search.candidates.image import image_recipe
from search.settings import NASBENCH201_PRESETS, ConvSettings
from search.spaces.allowed import Allowed
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import frozen
from search.supernets.nasbench201 import EdgeSupernet
from search.tasks.conv import ConvDomain
from search.tasks.image import ImageSearchTask
from zoo.data.base import ImageData
from zoo.recipes.image import Recipe


class EdgeSearchTask(ImageSearchTask):
    """`ImageSearchTask` with the supernet of NAS-Bench-201."""

    space = "nasbench201"

    def supernet(self, *_: object, layers: int | None = None) -> EdgeSupernet:
        """A new supernet on the device, of `settings.layers` cells or of another depth."""
        settings = self.settings
        return EdgeSupernet(settings.channels, layers or settings.layers, self.classes,
                            self.channels).to(self.device)


class NasBench201Domain(ConvDomain):
    space, supernets = "nasbench201", NASBENCH201_PRESETS

    def supernet_task(self, data: ImageData, settings: ConvSettings, device: torch.device,
                      seed: int, share: tuple[int, int]) -> EdgeSearchTask:
        return EdgeSearchTask(data, settings, device, seed, share)

    def cells(self, allowed: Allowed | None = None) -> NasBench201Space:
        return NasBench201Space(allowed=frozen(allowed))

    def recipe(self, preset: str, data: str) -> Recipe:
        recipe = image_recipe(preset, data, "nasbench201")
        return dataclasses.replace(recipe, network="nasbench201")
