"""Writes the page and artifacts as a static site, and touches no folder of anybody else's."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from web_demo.artifacts import index_json, inside, read_manifest
from web_demo.runtimes import is_read
from zoo.artifact.folder import refuse_here
from zoo.system import json_text

MARKER = ".genotype-zoo-site.json"
PAGE = Path(__file__).parent / "dist"


def built_page(page: Path | None = None) -> Path:
    """The folder of the built page."""
    page = Path(page or PAGE)
    if not (page / "index.html").is_file():
        raise FileNotFoundError("the page is not built; run make page (needs Node 20.19 or newer)")
    return page


def build_site(artifacts: Mapping[str, Path], directory: Path, page: Path | None = None) -> Path:
    """Writes the site into `directory`: at the end all of it is there, or what was before."""
    directory = Path(directory).absolute()
    refuse_here(directory)
    page = built_page(page)
    _refuse_foreign(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{directory.name}-", dir=directory.parent
    ) as temporary:
        site = Path(temporary) / "site"
        shutil.copytree(page, site)
        for name, folder in artifacts.items():
            _copy_artifact(folder, site / "models" / name)
        (site / "models").mkdir(exist_ok=True)
        (site / "models" / "index.json").write_bytes(index_json(artifacts))
        (site / MARKER).write_text(json_text.dumps({"files": _files(site)}, indent=1))
        # Looked at again, because copying took a while.
        _refuse_foreign(directory)
        _replace(directory, site, Path(temporary) / "before")
    return directory


def _replace(directory: Path, site: Path, before: Path) -> None:
    try:
        if directory.exists():
            directory.rename(before)
        site.rename(directory)
    except BaseException:  # Ctrl-C too: what is left in `before` goes with its folder
        if before.exists() and not directory.exists():
            before.rename(directory)
        raise


def _copy_artifact(folder: Path, target: Path) -> None:
    """Copies what the page reads, each file as the manifest describes it."""
    manifest = read_manifest(folder)
    fixture = manifest.get("fixture") or {}
    read = {"cell.svg", "vocabulary.json", fixture.get("input"), fixture.get("logits")}
    files = {path: listed for path, listed in manifest["files"].items()
             if path in read or is_read(path)}
    for path, listed in {**files, "manifest.json": None}.items():
        source = inside(folder, path)
        if source is None or (target / path).resolve() != target.resolve() / path:
            raise ValueError(
                f"{folder}/manifest.json lists {path}, which lies outside the folder: build the "
                "artifact again"
            )
        try:
            content = source.read_bytes()
        except OSError as error:
            raise ValueError(
                f"{folder}/{path} cannot be read ({error.strerror}): build the artifact again"
            ) from None
        if listed and hashlib.sha256(content).hexdigest() != listed.get("sha256"):
            raise ValueError(
                f"{folder}/{path} is not the file that manifest.json describes: build the "
                "artifact again"
            )
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)


def _refuse_foreign(directory: Path) -> None:
    """Raises when `directory` holds anything that no earlier build_site wrote."""
    if not directory.exists():
        return
    if directory.is_symlink() or not directory.is_dir():
        raise FileExistsError(f"{directory} is not a folder: choose another one")
    found = _files(directory)
    try:
        written = set(json.loads((directory / MARKER).read_bytes())["files"]) | {MARKER}
    except (OSError, ValueError, KeyError, TypeError):
        written = set()
    foreign = sorted(set(found) - written)
    if foreign:
        raise FileExistsError(
            f"{directory} holds {foreign[0]}, which is not of a site written here: move it away, "
            "or choose another folder"
        )


def _files(directory: Path) -> list[str]:
    return sorted(
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if not path.is_dir() or path.is_symlink()
    )
