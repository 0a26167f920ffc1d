"""The artifact: one folder that holds a network, what is known of it, and its exports.

`zoo train`, `zoo import` and `zoo build` write it, everything else reads it.  It is written
whole in a temporary folder beside its place and then swapped in, so that at any moment the
place holds the old folder or the new one.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

import pydantic

from zoo.artifact.manifest import Manifest
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.reader import parse
from zoo.genotypes.serialization import Genotype
from zoo.system import json_text
from zoo.system.files import read_synced, write_whole

MANIFEST = "manifest.json"
VOCABULARY = "vocabulary.json"  # of a language model: a JSON list, tokens in order of their ids


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
        raise ArtifactError(f"{directory} is not an artifact folder: " + (
            "it is a file; `zoo import` makes an artifact of a checkpoint"
            if Path(directory).is_file() else
            f"it has no {MANIFEST}; `zoo train`, `zoo import` and `zoo build` write one")) from None
    except UnicodeDecodeError:
        raise ArtifactError(f"{path}: not a text file; build the artifact again") from None
    try:
        manifest = Manifest.model_validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        why = first["msg"].removeprefix("Value error, ")
        raise ArtifactError(f"{path}: {where}: {why}; build the artifact again") from None
    for name in manifest.files:
        inside(directory, name)
    return manifest


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
    """The genotype of an artifact.  Raises ArtifactError when it is damaged."""
    try:
        return parse(read_file(directory, manifest, "genotype.json").decode())
    except (GenotypeError, UnicodeDecodeError) as error:
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
    return (json_text.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


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
def writing(directory: Path | str) -> Iterator[Path]:
    """A fresh folder that takes the place of `directory` when the block ends without an error.

    Raises ArtifactError, before anything is written, when the place is a file, holds anything
    that is not ours or is where the command runs; OSError when it cannot be written.
    """
    target = Path(os.path.abspath(directory))
    refuse_here(target)
    _sweep(target)
    check_place(target)
    made = [path for path in target.parents if not path.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.parent / f".{target.name}.building-{os.getpid()}"
    try:
        folder.mkdir()
        yield folder
        check_place(target)
        _swap(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # not empty: as it should be
            for path in made:
                path.rmdir()


def refuse_here(target: Path) -> None:
    """Raise ArtifactError where a folder that is to be replaced is the one that this runs in."""
    if Path.cwd().is_relative_to(target.resolve()):
        raise ArtifactError(f"{target} is the folder this runs in, and would be replaced under "
                            "it; run from elsewhere, or choose another folder")


def check_place(target: Path) -> None:
    """Raise ArtifactError unless an artifact may be written at `target`."""
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


def _sweep(target: Path) -> None:
    """Remove what killed builds of the same place left behind; an old folder that one of them
    had put aside comes back, if its place is still empty (see `_swap`)."""
    start = f".{target.name}.building-"
    for path in target.parent.glob(f"{glob.escape(start)}*"):
        pid = path.name.removeprefix(start).removesuffix("-old")
        if pid.isdigit() and (int(pid) == os.getpid() or not _runs(int(pid))):
            if path.name.endswith("-old") and not os.path.lexists(target):
                path.rename(target)
            else:
                shutil.rmtree(path, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's process
    return True


def _swap(folder: Path, target: Path) -> None:
    """Put `folder` at `target`; what was there goes to `folder`'s place."""
    if not target.exists():
        folder.rename(target)
        return
    if not _exchange(folder, target):
        # No atomic exchange here: a kill between these two renames, and nowhere else, leaves the
        # old folder under its temporary name, from which the next build fetches it.
        aside = target.parent / f".{target.name}.building-{os.getpid()}-old"
        try:
            target.rename(aside)
            folder.rename(target)
        except BaseException:
            if aside.exists() and not target.exists():
                aside.rename(target)
            raise
        finally:
            if target.exists():
                shutil.rmtree(aside, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two paths in one step, where the system can (Linux 3.15, macOS 10.12)."""
    if os.name != "posix":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(first), os.fsencode(second)
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
        return libc.renameat2(here, names[0], here, names[1], exchange) == 0
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        return libc.renamex_np(*names, 2) == 0  # RENAME_SWAP
    return False
