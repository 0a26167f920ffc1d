"""Addresses of repositories on the Hugging Face Hub: ``hf://USER/NAME`` or
``hf://USER/NAME@REVISION``."""

from __future__ import annotations

import re
from typing import NamedTuple

SCHEME = "hf://"
_COMMIT = re.compile(r"[0-9a-f]{40}")
#: The rules of the hub for the two parts of a name.
_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_MOST_CHARACTERS = 96
# Of git, as far as a revision could leave its place in a URL or in the folder of the cache.
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]*")


class AddressError(ValueError):
    """Text that is not an address of the hub; the message shows what one looks like."""


class Address(NamedTuple):
    """A repository, USER/NAME, and the branch, tag or commit; None for the main branch."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{SCHEME}{self.repository}" + (f"@{self.revision}" if self.revision else "")


def is_address(text: object) -> bool:
    """Whether `text` is meant as an address.

    >>> is_address("hf://someone/DARTS-digits"), is_address("DARTS")
    (True, False)
    """
    return isinstance(text, str) and text.startswith(SCHEME)


def parse(text: str) -> Address:
    """The parts of an address.  Raises AddressError.

    >>> parse("hf://someone/DARTS-digits@main")
    Address(repository='someone/DARTS-digits', revision='main')
    """
    repository, at, revision = text.removeprefix(SCHEME).partition("@")
    check_repository(repository, text)
    if at and (not _REVISION.fullmatch(revision) or ".." in revision or "//" in revision
               or revision.endswith(("/", ".", ".lock"))):
        raise AddressError(f"{text}: {revision!r} is not a branch, tag or commit; write "
                           f"{SCHEME}{repository}@REVISION")
    return Address(repository, revision or None)


def check_repository(name: str, shown: str | None = None) -> None:
    """Raise AddressError unless `name` is USER/NAME as the hub allows it."""
    parts = name.split("/")
    if (len(parts) != 2 or len(name) > _MOST_CHARACTERS or "--" in name or ".." in name
            or name.endswith(".git") or not all(map(_PART.fullmatch, parts))):
        raise AddressError(f"{shown or name} does not name a repository of the Hugging Face Hub; "
                           "write USER/NAME with letters, digits, '-', '_' and '.'")


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a commit, which cannot change.

    >>> is_commit("0123456789abcdef0123456789abcdef01234567"), is_commit("main")
    (True, False)
    """
    return revision is not None and bool(_COMMIT.fullmatch(revision))
