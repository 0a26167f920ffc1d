"""Fails early if a command needs a download while offline; fast, because it does not need torch."""

from __future__ import annotations

from pathlib import Path

from zoo.data import images
from zoo.data.sets import hub


def check_download(kind: str | None, data: str | None, path: Path | None) -> None:
    """Raise DataError if the data set of a cell of `kind` must be downloaded and cannot be.

    Ignores data at `path`, and data that does not suit the cell (texts are for "recurrent", images
    for all others), which is reported later.
    """
    if path is None and (data in images.NAMES) == (kind != "recurrent"):
        hub.check(data)
