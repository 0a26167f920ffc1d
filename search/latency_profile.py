"""The latency profile of a run: its file, and whether it fits the data.

The profile describes the network that the found cell is for: its channels and layers are its own,
usually more than those of the supernet.  Its space, image size, input channels and number of
classes must be those of the run.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from zoo.data.base import ImageData
from zoo.latency.profile import Profile
from zoo.runs.run_folder import RunError


def read(path: Path) -> tuple[Profile, str]:
    """The profile in a file, and the sha256 of the file.

    Raises ProfileError for a file that is not a finished profile, OSError.
    """
    return Profile.read(path), hashlib.sha256(path.read_bytes()).hexdigest()


def read_unchanged(path: Path, sha256: str | None) -> Profile:
    """The profile in a file that a run has started with.

    Raises RunError if it has changed since, and the errors of `read`.
    """
    profile, found = read(path)
    if found != sha256:
        raise RunError(f"{path} has changed since this search was started; restore it, or search "
                       "in another folder with -o")
    return profile


def fitting(path: Path, sha256: str | None, space: str, data: ImageData) -> str:
    """The sha256 of the profile in a file, for a search on `data`; None for any as `sha256`.

    Raises ProfileError for a profile of another network, ValueError for another file than
    `sha256` says, and the errors of `read`.
    """
    profile, found = read(path)
    if sha256 not in (None, found):
        raise ValueError(f"{path} is not the profile that the settings' run used; leave "
                         "profile_sha256 out to search with it")
    network = profile.network
    _, height, width, channels = data.train.images.shape
    for size in (height, width):
        profile.check(space, network.channels, network.layers, size, len(data.labels), channels)
    return found
