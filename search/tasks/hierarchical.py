"""The hierarchical space: motifs of motifs, as the cells of image networks.

Liu et al. 2018 (arXiv 1711.00436).  It has no supernet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from search.candidates.image import image_recipe
from search.settings import SupernetSettings
from search.spaces.allowed import Allowed
from search.spaces.hierarchical import HierarchicalSpace
from search.tasks.conv import ConvDomain
from zoo.recipes.image import Recipe


class HierarchicalDomain(ConvDomain):
    space = "hierarchical"
    supernets: ClassVar[Mapping[str, SupernetSettings]] = {}

    def cells(self, allowed: Allowed | None = None) -> HierarchicalSpace:
        assert allowed is None  # rejected by `search.config.plan`
        return HierarchicalSpace()

    def recipe(self, preset: str, data: str) -> Recipe:
        return image_recipe(preset, data, "hierarchical")
