"""Artifacts on the Hugging Face Hub, as `zoo push` wrote them.

A revision is resolved to its commit once, so all files are of one commit.  Files are read from the
cache of huggingface_hub, or downloaded into it; a cached commit needs no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zoo.artifact.names import MANIFEST
from zoo.hub.address import Address, is_address, is_commit, parse
from zoo.hub.failures import HubError, endpoint, failing, package, unreachable
from zoo.hub.reachable import is_reachable
from zoo.messages.notes import note

_MAIN = "main"
_MOST_MANIFEST = 64 * 2**20  # bytes
_MOST = 8 * 2**30  # bytes of any file


@dataclass(frozen=True)
class HubArtifact:
    """The artifact in a repository at a commit, a `zoo.artifact.folder.Place`."""

    repository: str
    commit: str
    remedy = ("remove it from the cache of huggingface_hub and try again, or ask for it to be "
              "pushed again")

    def __str__(self) -> str:
        return str(Address(self.repository, self.commit))

    def read(self, name: str, most: int) -> bytes:
        """The content of a file of at most `most` bytes, downloaded unless it is cached.

        Raises HubError.
        """
        path = _file(self, self.repository, name, self.commit, min(most, _MOST))
        if path.stat().st_size > most:
            raise _too_large(self, name, most)
        return path.read_bytes()


def find(address: str) -> HubArtifact:
    """The artifact at ``hf://USER/NAME[@REVISION]``, by default on the main branch.

    Raises AddressError for another text; HubError if there is no such artifact, or if the hub
    cannot be reached and the artifact is not cached.
    """
    repository, revision = parse(address)
    # The folder of the file in the cache is named after the commit.
    path = _file(address, repository, MANIFEST, revision or _MAIN, _MOST_MANIFEST)
    return HubArtifact(repository, path.parent.name)


def place(text: str) -> Path | HubArtifact:
    """The artifact that a user names: its address on the hub, or its folder.  Raises as `find`."""
    return find(text) if is_address(text) else Path(text)


def _file(what: object, repository: str, name: str, revision: str, most: int) -> Path:
    """A file in the cache; `what` needs it."""
    hub = package()
    if is_commit(revision):
        cached = hub.try_to_load_from_cache(repository, name, revision=revision)
        if isinstance(cached, str):
            return Path(cached)
    if not is_reachable():
        return _cached(what, repository, name, revision)
    with failing(what, repository):
        metadata = hub.get_hf_file_metadata(hub.hf_hub_url(
            repository, name, revision=revision, endpoint=endpoint()))
        if metadata.size is None or metadata.size > most:
            raise _too_large(what, name, most)
        return Path(hub.hf_hub_download(repository, name, revision=revision,
                                        endpoint=endpoint()))


def _cached(what: object, repository: str, name: str, revision: str) -> Path:
    """A file as it was when it was last downloaded."""
    with failing(what, repository):
        try:
            path = Path(package().hf_hub_download(repository, name, revision=revision,
                                                  local_files_only=True))
        except FileNotFoundError:
            raise unreachable(what) from None
    if not is_commit(revision):
        note(f"the Hugging Face Hub cannot be reached; {what} is read from the cache, at commit "
             f"{path.parent.name}")
    return path


def _too_large(what: object, name: str, most: int) -> HubError:
    return HubError(f"{what}: {name} is larger than the {most:,} bytes that it may have; ask for "
                    "it to be pushed again")
