"""The options of a training, from the command line or a settings file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from zoo.recipes.options import Options


@dataclass
class TrainOptions(Options):
    """The options of `zoo train`; `recipe` holds the recipe of a settings file."""

    cell: str | None = None
    genotype: str | None = None  # of a cell that is not registered
    network: str | None = None
    weights: str | None = None
    weights_sha256: str | None = None
    recipe: dict[str, Any] | None = None

    derived: ClassVar[tuple[str, ...]] = ("started_from",)  # the file name of `weights`
    stale: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "cell": ("genotype",), "weights": ("weights_sha256",)}
    stale_of_run: ClassVar[Mapping[str, tuple[str, ...]]] = {"preset": ("recipe",)}
