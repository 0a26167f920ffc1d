"""The runtimes of the page, from `runtimes.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PageRuntime:
    """A runtime of the page.  `reads` is its format, which is also the folder in an artifact;
    `package` is the npm package that has its version."""

    name: str
    title: str
    reads: str
    backends: tuple[str, ...]
    package: str


def _read() -> list[PageRuntime]:
    entries = json.loads((Path(__file__).parent / "runtimes.json").read_text(encoding="utf-8"))
    return [PageRuntime(**entry | {"backends": tuple(entry["backends"])}) for entry in entries]


RUNTIMES: dict[str, PageRuntime] = {each.name: each for each in _read()}

#: The formats that they read.
FORMATS = tuple(dict.fromkeys(each.reads for each in RUNTIMES.values()))


def is_read(path: str) -> bool:
    """Whether a file of an artifact belongs to one of these formats.

    Examples:
        >>> is_read("tfjs/model.json"), is_read("saved_model/saved_model.pb")
        (True, False)
    """
    return path.partition("/")[0] in FORMATS
