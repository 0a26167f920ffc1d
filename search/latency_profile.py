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


def read(path: Path, sha256: str | None = None) -> tuple[Profile, str]:
    """The profile in a file, and the sha256 of the file.

    Raises ProfileError for a file that is not a finished profile, ValueError for another file than
    `sha256` names, OSError.
    """
    profile, found = Profile.read(path), hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 not in (None, found):
        raise ValueError(f"{path} is not the profile that the settings' run used; leave "
                         "profile_sha256 out to search with it")
    return profile, found


def read_unchanged(path: Path, sha256: str | None) -> Profile:
    """The profile in a file that a run has started with.

    Raises RunError if it has changed since, and the errors of `read`.
    """
    profile, found = read(path)
    if found != sha256:
        raise RunError(f"{path} has changed since this search was started; restore it, or search "
                       "in another folder with -o")
    return profile


def check_fits(profile: Profile, space: str, data: ImageData) -> None:
    """Raise ProfileError if a profile is for another space or other images than a search."""
    network = profile.network
    _, height, width, channels = data.train.images.shape
    for size in (height, width):
        profile.check(space, network.channels, network.layers, size, len(data.labels), channels)
