"""What a user asks of a training: options, a file of settings, or those of an earlier run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.recipes.base import validated
from zoo.recipes.config_file import read_config_file


@dataclass
class TrainOptions:
    """None where nothing was said.

    `recipe` are the settings that a run's file has, `given` such of a file or of `--set`, and
    `changes` as options give them.  With a `data_sha256` no other data will do.
    """

    cell: str | None = None
    genotype: str | None = None  # of a cell that is not registered
    data: str | None = None
    path: Path | None = None
    size: int | None = None
    by: str | None = None
    preset: str | None = None
    network: str | None = None
    weights: str | None = None
    seed: int | None = None
    device: str | None = None
    precision: str | None = None
    data_sha256: str | None = None
    weights_sha256: str | None = None
    recipe: dict[str, Any] | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)

    def over_file(self, path: Path) -> TrainOptions:
        """These options over those of a YAML file, which may be the config.json of a run.

        Raises ValueError for a file that cannot be read, and values of another type.
        """
        values = read_config_file(path)
        values.pop("started_from", None)  # the name alone of `weights`
        return self.over(values, f"{path}: ")

    def over(self, values: Mapping[str, Any], where: str = "") -> TrainOptions:
        """These options over `values` by name; those that are no option are the recipe's.

        Data, or weights, that are given anew are not held to the checksum of the others.
        """
        own = {one.name for one in dataclasses.fields(self)} - {"changes", "given"}
        said = {name: getattr(self, name) for name in own if getattr(self, name) is not None}
        stale = {"data_sha256"} if said.keys() & {"data", "path", "size", "by"} else set()
        stale |= {"weights_sha256"} if "weights" in said else set()
        if "data" in said:
            stale |= {"path", "size", "by"}
        if "cell" in said:
            stale |= {"genotype"}
        options = validated(TrainOptions, {
            name: value for name, value in values.items() if name in own - stale}, where)
        settings = {name: value for name, value in values.items() if name not in own}
        return dataclasses.replace(options, **said, changes=self.changes,
                                   given=settings | self.given)
