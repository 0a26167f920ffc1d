"""The artifact: a folder with a network, its metadata and its exports.

Written by `zoo train`, `zoo import` and `zoo build`, read by everything else.  It is written to a
temporary folder next to its destination and then swapped in, so that the destination always holds
either the old folder or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

import pydantic

from zoo.artifact.manifest import CUSTOM, Manifest
from zoo.artifact.names import CONFIG, GENOTYPE, HISTORY, MANIFEST, VOCABULARY
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.reader import parse
from zoo.genotypes.serialization import Genotype
from zoo.messages.command_line import command
from zoo.messages.validation import reason
from zoo.system import json_text, swap
from zoo.system.files import read_synced, write_whole


class ArtifactError(ValueError):
    """A folder that is not an artifact or is damaged; the message names the file."""


class Place(Protocol):
    """An artifact that is not in a folder; its string is an address.  `remedy` ends the messages
    about its faults."""

    @property
    def remedy(self) -> str: ...

    def read(self, name: str, most: int) -> bytes:
        """The content of the file `name`, of at most `most` bytes."""
        ...


#: Where an artifact is: its folder, or another place.
Where = Path | str | Place
_MOST_MANIFEST = 64 * 2**20  # bytes


# --- reading ------------------------------------------------------------------------------


def read_manifest(directory: Where) -> Manifest:
    """Read and validate the manifest of an artifact.

    Raises ArtifactError if it is missing or invalid, or names a path outside the folder.
    """
    path, again = f"{str(directory).rstrip('/')}/{MANIFEST}", remedy(directory)
    try:
        text = _content(directory, MANIFEST, _MOST_MANIFEST).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(f"{directory} is not an artifact folder: "
                            f"{_why_not_artifact(Path(str(directory)))}") from None
    except UnicodeDecodeError:
        raise ArtifactError(f"{path}: not a text file; {again}") from None
    try:
        manifest = Manifest.model_validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ArtifactError(f"{path}: {where}: {reason(first)}; {again}") from None
    for name in manifest.files:
        _check_name(directory, name)
    return manifest


def _content(directory: Where, name: str, most: int) -> bytes:
    if isinstance(directory, (Path, str)):
        return (Path(directory) / name).read_bytes()
    return directory.read(name, most)


def remedy(directory: Where) -> str:
    """What to do about a damaged artifact."""
    return "build the artifact again" if isinstance(directory, (Path, str)) else directory.remedy


def _why_not_artifact(directory: Path) -> str:
    """Why `directory` is not an artifact, and the remedy."""
    if directory.is_file():
        return "it is a file; `zoo import` converts a checkpoint to an artifact"
    if not directory.exists():
        return "it does not exist; `zoo train`, `zoo import` and `zoo build` write one"
    if (directory / CONFIG).exists():
        resume = command("zoo", "train", "CELL", "--resume", "-o", directory)
        return (f"it holds a run without a {MANIFEST}: an unfinished training (resume it with "
                f"`{resume}`) or a search (train the cell it found with `zoo train`)")
    return f"it has no {MANIFEST}; `zoo train`, `zoo import` and `zoo build` write one"


def _check_name(directory: Where, name: str) -> None:
    """Raise ArtifactError if the file `name` is outside the artifact."""
    parts = PurePosixPath(name)
    leaves = parts.is_absolute() or ".." in parts.parts or "\\" in name or ":" in name
    if not leaves and isinstance(directory, (Path, str)):  # links may leave it, too
        leaves = not (Path(directory) / name).resolve().is_relative_to(Path(directory).resolve())
    if leaves:
        raise ArtifactError(f"{directory}: the manifest names {name!r}, which is outside the "
                            f"folder; {remedy(directory)}")


def read_file(directory: Where, manifest: Manifest, name: str) -> bytes:
    """Read a listed file.  Raises ArtifactError if it does not match the manifest."""
    again = remedy(directory)
    if name not in manifest.files:
        raise ArtifactError(f"{directory}: the manifest lists no {name}; {again}")
    _check_name(directory, name)
    entry = manifest.files[name]
    try:
        content = _content(directory, name, entry.bytes)
    except OSError as error:
        raise ArtifactError(f"{directory}: {name} cannot be read ({error.strerror}); "
                            f"{again}") from None
    if len(content) != entry.bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ArtifactError(f"{directory}: {name} has changed (its sha256 differs from the "
                            f"manifest); {again}")
    return content


def check_files(directory: Where, manifest: Manifest) -> None:
    """Raise ArtifactError unless every file of the manifest exists unchanged."""
    for name in manifest.files:
        read_file(directory, manifest, name)


def read_genotype(directory: Where, manifest: Manifest) -> Genotype:
    """The genotype of an artifact.  Raises ArtifactError if it is damaged or missing."""
    if manifest.network.kind in CUSTOM:
        raise ArtifactError(f"{directory} is a custom model and has no cell; use the exports in it")
    try:
        return parse(read_file(directory, manifest, GENOTYPE).decode())
    except UnicodeDecodeError:
        raise ArtifactError(f"{directory}/{GENOTYPE}: not a text file; "
                            f"{remedy(directory)}") from None
    except GenotypeError as error:
        raise ArtifactError(f"{directory}/{GENOTYPE}: {error}") from None


def read_vocabulary(directory: Where, manifest: Manifest) -> list[str] | None:
    """The tokens of a language model, ordered by id; None if the artifact has no vocabulary.

    Raises ArtifactError if the file is damaged or does not have a token for each id.
    """
    if VOCABULARY not in manifest.files:
        return None
    content = read_file(directory, manifest, VOCABULARY)
    try:
        tokens = json.loads(content)
    except ValueError:
        tokens = None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ArtifactError(f"{directory}/{VOCABULARY} is not a list of tokens; "
                            f"{remedy(directory)}")
    if len(tokens) != manifest.network.vocabulary:
        raise ArtifactError(f"{directory}/{VOCABULARY} has {len(tokens)} tokens, the network "
                            f"{manifest.network.vocabulary}; {remedy(directory)}")
    return tokens


# --- writing ------------------------------------------------------------------------------


def json_bytes(value: object) -> bytes:
    """`value` as indented JSON with a final newline."""
    # Undecodable bytes of a path become escapes, which JSON readers turn into the same path.
    return (json_text.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(
        errors="backslashreplace")


def finalize(folder: Path, manifest: Manifest, leaving_out: Collection[str] = ()) -> Manifest:
    """Write the manifest with the sha256 and size of every file in `folder`, and return it.

    Files in `leaving_out` are not listed; all others are synced to disk before the manifest.
    """
    part = folder / f"{MANIFEST}.part"
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in {MANIFEST, part.name, *leaving_out}:
            content = read_synced(path)
            files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    manifest = Manifest.model_validate(manifest.model_dump() | {"files": files})
    # The manifest marks a training run as finished.
    write_whole(folder / MANIFEST, json_bytes(manifest.model_dump(mode="json")))
    return manifest


@contextlib.contextmanager
def writing(directory: Path | str, keep: Collection[str] | None = None) -> Iterator[Path]:
    """A new folder that replaces `directory` if the block ends without an error.

    `keep` names files of the existing artifact to copy into the new folder; None if the caller has
    not inspected it, see `check_loss`.

    Raises ArtifactError, before anything is written, if `directory` is a file, holds foreign files
    or files that would be lost, is the current directory, or a file to keep is damaged; OSError if
    it cannot be written.
    """
    target = Path(os.path.abspath(directory))
    refuse_here(target)
    swap.sweep(target)
    check_place(target)
    check_loss(target, keep)
    with swap.temporary_folder(target) as folder:
        manifest = read_manifest(target) if keep else None
        for name in keep or ():
            assert manifest
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(read_file(target, manifest, name))
        yield folder
        check_place(target)
        check_loss(target, keep)
        swap.swap(folder, target)


def refuse_here(target: Path) -> None:
    """Raise ArtifactError if the folder to be replaced contains the current directory."""
    if Path.cwd().is_relative_to(target.resolve()):
        raise ArtifactError(f"{target} contains the current directory and cannot be replaced; run "
                            "from elsewhere, or choose another folder")


def check_place(target: Path) -> None:
    """Raise ArtifactError if `target` is not a folder or holds files of others."""
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir() or target.is_symlink():
        raise ArtifactError(f"{target} exists and is not a folder; choose another with -o")
    found = {path.relative_to(target).as_posix() for path in target.rglob("*")
             if not path.is_dir() or path.is_symlink()}
    if not found:
        return
    try:
        listed = {*read_manifest(target).files, MANIFEST}
    except ArtifactError:
        raise ArtifactError(f"{target} is not empty and not an artifact; choose another folder "
                            "with -o") from None
    if foreign := sorted(found - listed):
        raise ArtifactError(f"{target} holds {foreign[0]}, which is not part of the artifact; move "
                            "it away or choose another folder with -o")


def check_loss(target: Path, keep: Collection[str] | None = None) -> None:
    """Raise ArtifactError if replacing `target` would lose files that cannot be recreated: those of
    a training that `keep` does not name and, without `keep`, exports."""
    if not (target / MANIFEST).exists():
        return
    manifest = read_manifest(target)
    if {CONFIG, HISTORY} & set(manifest.files) - set(keep or ()):
        raise ArtifactError(f"{target} holds a training, whose history and settings would be lost; "
                            "choose another folder with -o")
    if keep is None and manifest.fixture:
        raise ArtifactError(f"{target} holds an export, which would be lost; choose another folder "
                            "with -o")
