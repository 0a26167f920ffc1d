"""The options of a run, on top of a settings file or the settings of an earlier run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import Self

from zoo.recipes.base import validated
from zoo.recipes.config_file import read_config_file


@dataclass
class Options:
    """The base of the options of `zoo train` and `search run`; None or False means not given.

    `changes` are settings from options, `given` those from a file or `--set`.  The data must match
    `data_sha256`, which the settings of an earlier run include.
    """

    data: str | None = None
    path: Path | None = None
    size: int | None = None
    by: str | None = None
    preset: str | None = None
    seed: int | None = None
    device: str | None = None
    precision: str | None = None
    threads: int | None = None
    data_sha256: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)

    #: Entries of a run's config.json that follow from the others.
    derived: ClassVar[tuple[str, ...]] = ()
    #: Entries that a new value of another option invalidates, in any file and in a run's config.
    stale: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    stale_of_run: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    _of_data: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("path", "size", "by", "data_sha256"), "path": ("data_sha256",),
        "size": ("data_sha256",), "by": ("data_sha256",)}

    def over_file(self, path: Path) -> Self:
        """These options on top of a YAML file, which may be the config.json of a run.

        Raises ValueError for a file that cannot be read, and for values of the wrong type.
        """
        return self.over(read_config_file(path), f"{path}: ")

    def over(self, values: Mapping[str, Any], where: str = "") -> Self:
        """These options on top of `values`, whose other names are settings.

        Raises ValueError for values of the wrong type, with a message that starts with `where`.
        """
        of_run = {"data", "data_sha256"} <= values.keys()
        own = {one.name for one in dataclasses.fields(self)} - {"changes", "given"}
        given = {name: getattr(self, name) for name in own
                 if getattr(self, name) is not None and getattr(self, name) is not False}
        rules = [self._of_data, self.stale, *([self.stale_of_run] if of_run else [])]
        dropped = {old for rule in rules for new in rule.keys() & given.keys()
                   for old in rule[new]
                   if (new in values or of_run) and str(given[new]) != str(values.get(new))}
        dropped |= set(self.derived) if of_run else set()
        values = {name: value for name, value in values.items() if name not in dropped}
        options = validated(type(self), {
            name: value for name, value in values.items() if name in own}, where)
        settings = {name: value for name, value in values.items() if name not in own}
        return dataclasses.replace(options, **given, changes=self.changes,
                                   given=settings | self.given)
