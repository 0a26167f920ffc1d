"""Pushes files to a repository on the Hugging Face Hub, in one commit.

Nothing on the hub is overwritten unasked: without `replace` a push is refused if a file there
differs.  Of the files there, only those that an earlier push wrote are ever removed: its `index`
lists them.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from zoo.hub.address import Address, AddressError, check_repository, is_commit
from zoo.hub.failures import LOG_IN, HubError, endpoint, failing, package, unreachable
from zoo.hub.reachable import is_reachable
from zoo.messages.notes import listed

Kind = Literal["model", "space"]
_MAIN = "main"
_MOST_INDEX = 64 * 2**20  # bytes


@dataclass(frozen=True)
class Contents:
    """The files of a push, by their path in the repository.

    `index` is the one of them that lists the others; `names_in(content)` are the paths in it.
    """

    kind: Kind
    files: Mapping[str, bytes]
    index: str
    names_in: Callable[[bytes], set[str]]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(map(len, self.files.values()))


@dataclass(frozen=True)
class Comparison:
    """The files of a push against those of a repository.

    `commit` is None if the repository, or its branch, does not exist; `parent` is the commit that
    the push follows.  `new`, `changed` and `removed` are paths; the others are on the hub already.
    """

    exists: bool
    commit: str | None
    private: bool | None
    new: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether a push has nothing to do."""
        return self.commit is not None and not (self.new or self.changed or self.removed)


def check(repository: str, revision: str | None) -> None:
    """Raise AddressError for a name that the hub does not allow, or a `revision` that is not a
    branch."""
    check_repository(repository)
    if is_commit(revision):
        raise AddressError(f"--revision {revision} is a commit, and a push adds one to a branch; "
                           "give the name of a branch")


def compare(contents: Contents, repository: str, revision: str | None = None) -> Comparison:
    """Compare a push with what the repository holds; sends nothing.  Raises HubError."""
    hub, what = package(), Address(repository, revision)
    if not is_reachable():
        raise unreachable(what)
    api = hub.HfApi(endpoint=endpoint())
    from huggingface_hub.utils import RepositoryNotFoundError, RevisionNotFoundError

    exists, info = True, None
    with failing(what, repository, writing=True):
        try:
            info = api.repo_info(repository, repo_type=contents.kind, revision=revision or _MAIN,
                                 files_metadata=True)
        except RevisionNotFoundError:
            pass
        except RepositoryNotFoundError as error:
            if error.response.status_code != 404:  # without a valid token
                raise
            exists = False
    if info is None:
        return Comparison(exists, None, None, tuple(contents.files), ())
    there = {file.rfilename: file for file in info.siblings or ()}
    new = [name for name in contents.files if name not in there]
    changed = [name for name, content in contents.files.items()
               if name in there and not _is_same(there[name], content)]
    removed = _removed(hub, contents, repository, info.sha, there) if changed else ()
    return Comparison(True, info.sha, info.private, tuple(new), tuple(changed), removed)


def push(contents: Contents, repository: str, message: str, *, private: bool = False,
         revision: str | None = None, replace: bool = False) -> tuple[str, Comparison]:
    """Push the files; the commit that holds them, and what changed.

    Creates the repository, `private` if asked, and the branch `revision` if they are missing.
    Raises HubError, before anything is sent, if the hub cannot be reached, refuses the token, holds
    other files (unless `replace`), or is public where `private` is asked; also if the push fails,
    which leaves the files on the hub as they were.
    """
    hub, what = package(), Address(repository, revision)
    if not is_reachable():
        raise unreachable(what)
    if hub.get_token() is None:
        raise HubError(f"{what}: a push needs a token with write access; {LOG_IN}")
    found = compare(contents, repository, revision)
    if private and found.private is False:
        raise HubError(f"{what} is public; make it private in its settings on the hub, or leave "
                       "--private out")
    if found.is_same:
        assert found.commit
        return found.commit, found
    if found.changed and not replace:
        raise HubError(f"{what} holds other files ({listed(found.changed, 3)}); replace them with "
                       "--replace, or push to another name or --revision")
    api = hub.HfApi(endpoint=endpoint())
    with failing(what, repository, writing=True):
        if not found.exists:
            api.create_repo(repository, repo_type=contents.kind, private=private or None,
                            **({"space_sdk": "static"} if contents.kind == "space" else {}))
        if found.commit is None and revision not in (None, _MAIN):
            api.create_branch(repository, branch=revision, repo_type=contents.kind)
        operations: list[Any] = [
            hub.CommitOperationAdd(name, contents.files[name])
            for name in (*found.new, *found.changed)]
        operations += [hub.CommitOperationDelete(name) for name in found.removed]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks of the hub on the card
            done = api.create_commit(repository, operations, commit_message=message,
                                     repo_type=contents.kind, revision=revision or _MAIN,
                                     parent_commit=found.commit)
    return done.oid, found


def _is_same(there: Any, content: bytes) -> bool:
    """Whether a file of the hub has this content, by its sha256 or, for a small file, by git's
    sha1."""
    if there.lfs:
        return there.lfs["sha256"] == hashlib.sha256(content).hexdigest()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return there.blob_id == blob.hexdigest()


def _removed(hub: Any, contents: Contents, repository: str, commit: str,
             there: Mapping[str, Any]) -> tuple[str, ...]:
    """The files of an earlier push that this one lacks, by its index on the hub."""
    if contents.index not in there or (there[contents.index].size or 0) > _MOST_INDEX:
        return ()
    with failing(Address(repository, commit), repository):
        path = hub.hf_hub_download(repository, contents.index, repo_type=contents.kind,
                                   revision=commit, endpoint=endpoint())
    with open(path, "rb") as file:
        earlier = contents.names_in(file.read())
    return tuple(sorted((earlier & set(there)) - set(contents.files)))
