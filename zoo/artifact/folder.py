"""The artifact: one folder that holds a network, what is known of it, and its exports.

`zoo train`, `zoo import` and `zoo build` write it, everything else reads it.  It is written
whole in a temporary folder beside its place and then swapped in, so that at any moment the
place holds the old folder or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

import pydantic

from zoo.artifact.manifest import CUSTOM, Manifest
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.reader import parse
from zoo.genotypes.serialization import Genotype
from zoo.messages.command_line import command
from zoo.messages.validation import reason
from zoo.system import json_text, swap
from zoo.system.files import read_synced, write_whole

MANIFEST = "manifest.json"
VOCABULARY = "vocabulary.json"  # of a language model: a JSON list, tokens in order of their ids
CONFIG, HISTORY = "config.json", "history.jsonl"  # of a training, which nothing can make again


class ArtifactError(ValueError):
    """A folder that is no artifact, or one that has been damaged; the message names the file."""


# --- reading ------------------------------------------------------------------------------


def read_manifest(directory: Path | str) -> Manifest:
    """The checked manifest of an artifact folder.

    Raises ArtifactError when it is missing, is not what we write, or names a path outside.
    """
    path = Path(directory) / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(f"{directory} is not an artifact folder: "
                            f"{_why_none(Path(directory))}") from None
    except UnicodeDecodeError:
        raise ArtifactError(f"{path}: not a text file; build the artifact again") from None
    try:
        manifest = Manifest.model_validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ArtifactError(f"{path}: {where}: {reason(first)}; build the artifact again") from None
    for name in manifest.files:
        inside(directory, name)
    return manifest


def _why_none(directory: Path) -> str:
    """What is where an artifact folder is expected, and the remedy."""
    if directory.is_file():
        return "it is a file; `zoo import` makes an artifact of a checkpoint"
    if not directory.exists():
        return "there is none such; `zoo train`, `zoo import` and `zoo build` write one"
    if (directory / CONFIG).exists():
        resumed = command("zoo", "train", "CELL", "--resume", "-o", directory)
        return (f"it holds a run without a {MANIFEST}: a training that is not finished (go on with "
                f"`{resumed}`) or a search (train the cell that it found with `zoo train`)")
    return f"it has no {MANIFEST}; `zoo train`, `zoo import` and `zoo build` write one"


def inside(directory: Path | str, name: str) -> Path:
    """The path of the artifact's file `name`.  Raises ArtifactError if it leaves the folder."""
    parts = PurePosixPath(name)
    path = Path(directory) / name
    leaves = parts.is_absolute() or ".." in parts.parts or "\\" in name or ":" in name
    if leaves or not path.resolve().is_relative_to(Path(directory).resolve()):
        raise ArtifactError(f"{directory}: the manifest names {name!r}, which lies outside")
    return path


def read_file(directory: Path | str, manifest: Manifest, name: str) -> bytes:
    """The bytes of a listed file.  Raises ArtifactError when they are not those of the manifest."""
    if name not in manifest.files:
        raise ArtifactError(f"{directory}: the manifest lists no {name}; build the artifact again")
    try:
        content = inside(directory, name).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{directory}: {name} cannot be read ({error.strerror}); "
                            "build the artifact again") from None
    entry = manifest.files[name]
    if len(content) != entry.bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ArtifactError(f"{directory}: {name} is not the file that was written (its sha256 "
                            "differs from the manifest); build the artifact again")
    return content


def check_files(directory: Path | str, manifest: Manifest) -> None:
    """Raise ArtifactError unless every file of the manifest is there, unchanged."""
    for name in manifest.files:
        read_file(directory, manifest, name)


def read_genotype(directory: Path | str, manifest: Manifest) -> Genotype:
    """The genotype of an artifact.  Raises ArtifactError when it is damaged or has none."""
    if manifest.network.kind in CUSTOM:
        raise ArtifactError(f"{directory} is a custom model: it has no cell, and runs as the "
                            "formats that it holds")
    try:
        return parse(read_file(directory, manifest, "genotype.json").decode())
    except UnicodeDecodeError:
        raise ArtifactError(f"{directory}/genotype.json: not a text file; build the artifact "
                            "again") from None
    except GenotypeError as error:
        raise ArtifactError(f"{directory}/genotype.json: {error}") from None


def read_vocabulary(directory: Path | str, manifest: Manifest) -> list[str] | None:
    """The tokens of a language model in order of their ids; None when the artifact has none.

    Raises ArtifactError when the file is damaged or has not a token for each id.
    """
    if VOCABULARY not in manifest.files:
        return None
    content = read_file(directory, manifest, VOCABULARY)
    try:
        tokens = json.loads(content)
    except ValueError:
        tokens = None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ArtifactError(f"{directory}/{VOCABULARY} is not a list of tokens; build the "
                            "artifact again")
    if len(tokens) != manifest.network.vocabulary:
        raise ArtifactError(f"{directory}/{VOCABULARY} has {len(tokens)} tokens, the network "
                            f"{manifest.network.vocabulary}; build the artifact again")
    return tokens


# --- writing ------------------------------------------------------------------------------


def json_bytes(value: object) -> bytes:
    """`value` as indented JSON with a last newline."""
    # Bytes of a path that are no text become escapes, of which JSON readers make the same path.
    return (json_text.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(
        errors="backslashreplace")


def finalize(folder: Path, manifest: Manifest, leaving_out: Collection[str] = ()) -> Manifest:
    """List every file of `folder` with its sha256 and size, and write the manifest, whole.

    Files named in `leaving_out` are not listed; the others are on the disk before the manifest.
    """
    part = folder / f"{MANIFEST}.part"
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in {MANIFEST, part.name, *leaving_out}:
            content = read_synced(path)
            files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    manifest = Manifest.model_validate(manifest.model_dump() | {"files": files})
    # A training run is finished exactly when this is there.
    write_whole(folder / MANIFEST, json_bytes(manifest.model_dump(mode="json")))
    return manifest


@contextlib.contextmanager
def writing(directory: Path | str, keep: Collection[str] | None = None) -> Iterator[Path]:
    """A fresh folder that takes the place of `directory` when the block ends without an error.

    `keep` names the files of an artifact there that the new one takes over; they are in the fresh
    folder from the beginning.  None: nobody has looked at what is there, see `check_loss`.

    Raises ArtifactError, before anything is written, when the place is a file, holds anything
    that is not ours or would be lost, is where the command runs, or a file to keep is damaged;
    OSError when it cannot be written.
    """
    target = Path(os.path.abspath(directory))
    refuse_here(target)
    swap.sweep(target)
    check_place(target)
    check_loss(target, keep)
    with swap.beside(target) as folder:
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
    """Raise ArtifactError where a folder that is to be replaced is the one that this runs in."""
    if Path.cwd().is_relative_to(target.resolve()):
        raise ArtifactError(f"{target} is the folder this runs in, and would be replaced under "
                            "it; run from elsewhere, or choose another folder")


def check_place(target: Path) -> None:
    """Raise ArtifactError unless nothing at `target` is foreign."""
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir() or target.is_symlink():
        raise ArtifactError(f"{target} exists and is not a folder; choose another with -o")
    found = {path.relative_to(target).as_posix() for path in target.rglob("*")
             if not path.is_dir() or path.is_symlink()}
    if not found:
        return
    try:
        ours = {*read_manifest(target).files, MANIFEST}
    except ArtifactError:
        raise ArtifactError(f"{target} is not empty and not an artifact of ours, so it is left "
                            "alone; choose another folder with -o") from None
    if foreign := sorted(found - ours):
        raise ArtifactError(f"{target} holds {foreign[0]}, which is not ours, so nothing is "
                            "replaced; move it away or choose another folder with -o")


def check_loss(target: Path, keep: Collection[str] | None = None) -> None:
    """Raise ArtifactError where an artifact at `target` has files that nothing can make again, or
    that nobody has looked at: those of a training that `keep` does not name and, without a `keep`,
    exports."""
    if not (target / MANIFEST).exists():
        return
    manifest = read_manifest(target)
    if {CONFIG, HISTORY} & set(manifest.files) - set(keep or ()):
        raise ArtifactError(f"{target} holds a training, whose history and settings would be lost; "
                            "choose another folder with -o")
    if keep is None and manifest.fixture:
        raise ArtifactError(f"{target} holds an export, which would be lost; choose another folder "
                            "with -o")
