"""Write the page and artifacts as a static site; a folder with other files in it is refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from web_demo import offline as offline_visits
from web_demo import preview
from web_demo.artifacts import index_json, inside, read_manifest
from web_demo.runs import REPORT, address, reports_of
from web_demo.runtimes import RUNTIMES, is_read
from zoo.artifact.folder import refuse_here
from zoo.system import json_text

MARKER = ".genotype-zoo-site.json"
PAGE = Path(__file__).parent / "dist"
#: Written by the build of the page: the files that only runtimes load, by runtime.
CODE = "code.json"


def built_page(page: Path | None = None) -> Path:
    """The folder of the built page."""
    page = Path(page or PAGE)
    if not (page / "index.html").is_file():
        raise FileNotFoundError("the page is not built; run make page (needs Node 20.19 or newer)")
    return page


def build_site(artifacts: Mapping[str, Path], directory: Path, page: Path | None = None, *,
               runs: Mapping[str, Path] | None = None, offline: bool = True,
               url: str | None = None) -> Path:
    """Write the site into `directory`, or leave `directory` as it was.

    The site has the code of those runtimes that read a format of the artifacts, and the reports of
    `runs`.  `offline` keeps it for visits without a connection; without, it ends those of an
    earlier build.  `url` is its address, for the card that services show; ValueError unless it is
    HTTP.
    """
    if url is not None and not re.match(r"https?://[^/\s]", url):
        raise ValueError(f"{url} is not the address of a site: it begins with https://")
    runs = runs or {}
    directory = Path(directory).absolute()
    refuse_here(directory)
    page = built_page(page)
    _refuse_foreign(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{directory.name}-", dir=directory.parent
    ) as temporary:
        site = Path(temporary) / "site"
        _copy_page(page, site, _formats(artifacts))
        for name, folder in artifacts.items():
            _copy_artifact(folder, site / "models" / name)
        (site / "models").mkdir(exist_ok=True)
        (site / "models" / "index.json").write_bytes(
            index_json(artifacts, reports_of(artifacts, runs)))
        for name, folder in runs.items():
            (site / address(name)).parent.mkdir(parents=True)
            shutil.copyfile(folder / REPORT, site / address(name))
        _introduce(site, artifacts, url)
        if offline:
            _keep(site, _own_code(page))
        (site / MARKER).write_text(json_text.dumps({"files": _files(site)}, indent=1))
        # Checked again, because copying takes a while.
        _refuse_foreign(directory)
        _replace(directory, site, Path(temporary) / "before")
    return directory


def _replace(directory: Path, site: Path, before: Path) -> None:
    try:
        if directory.exists():
            directory.rename(before)
        site.rename(directory)
    except BaseException:  # also Ctrl-C: `before` is deleted with its temporary folder
        if before.exists() and not directory.exists():
            before.rename(directory)
        raise


def _formats(artifacts: Mapping[str, Path]) -> set[str]:
    return {path.partition("/")[0] for folder in artifacts.values()
            for path in read_manifest(folder)["files"]}


def _copy_page(page: Path, target: Path, formats: set[str]) -> None:
    """Copy the page without the runtimes that read none of `formats`."""
    used, unused = set(), set()
    for name, files in _own_code(page).items():
        (used if RUNTIMES[name].reads in formats else unused).update(page / file for file in files)
    unused -= used
    unused.add(page / CODE)
    # Without their times: servers compare these, and an older file than that of the last site would
    # count as unchanged.
    shutil.copytree(page, target, copy_function=shutil.copyfile, ignore=lambda folder, names: [
        name for name in names if Path(folder, name) in unused])


def _own_code(page: Path) -> dict[str, list[str]]:
    """The files that only runtimes load, by runtime."""
    listed = page / CODE
    return json.loads(listed.read_bytes()) if listed.exists() else {}


def _introduce(site: Path, artifacts: Mapping[str, Path], url: str | None) -> None:
    """Name the networks in the title, and add the card for links to the site."""
    html = (site / "index.html").read_text(encoding="utf-8")
    title = re.search("<title>[^<]*</title>", html)
    if title is None:
        return
    picture = preview.picture(artifacts)
    if picture is not None:
        (site / preview.PICTURE).write_bytes(picture)
    home = url.rstrip("/") + "/" if url else None
    head = preview.head(artifacts, home, picture is not None)
    html = html.replace(title[0], head)
    (site / "index.html").write_text(html, encoding="utf-8")


def _keep(site: Path, own_code: Mapping[str, list[str]]) -> None:
    """Make the service worker keep the site, and the page register it."""
    script, page = site / offline_visits.WORKER, site / "index.html"
    html = page.read_text(encoding="utf-8")
    if not script.is_file() or "<html" not in html:
        return
    page.write_text(html.replace("<html", "<html data-offline", 1), encoding="utf-8")
    core = offline_visits.core_of(site, {file for files in own_code.values() for file in files})
    version = offline_visits.version_of(site, core)
    text = offline_visits.worker(script.read_text(encoding="utf-8"), version, core)
    script.write_text(text, encoding="utf-8")


def _copy_artifact(folder: Path, target: Path) -> None:
    """Copy the files that the page reads; ValueError if one differs from the manifest."""
    manifest = read_manifest(folder)
    fixture = manifest.get("fixture") or {}
    read = {"cell.svg", "vocabulary.json", fixture.get("input"), fixture.get("logits")}
    files = {path: listed for path, listed in manifest["files"].items()
             if path in read or is_read(path) or path.startswith("inspect/")}
    for path, listed in {**files, "manifest.json": None}.items():
        source = inside(folder, path)
        if source is None or (target / path).resolve() != target.resolve() / path:
            raise ValueError(
                f"{folder}/manifest.json lists {path}, which is outside the folder: build the "
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
                f"{folder}/{path} does not match its sha256 in manifest.json: build the "
                "artifact again"
            )
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)


def _refuse_foreign(directory: Path) -> None:
    """Raise FileExistsError if `directory` has a file that no earlier `build_site` wrote."""
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
            f"{directory} has {foreign[0]}, which no zoo demo --build wrote: move it away, or "
            "choose another folder"
        )


def _files(directory: Path) -> list[str]:
    return sorted(
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if not path.is_dir() or path.is_symlink()
    )
