"""Artifact folders that the page lists: those with a manifest and a format for browsers."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from web_demo.runtimes import is_read
from zoo.system import json_text


def find_artifacts(
    paths: list[Path], report: Callable[[str], None] | None = None
) -> dict[str, Path]:
    """Artifacts by name, from paths of artifact folders or of folders that contain some.

    Invalid artifacts are passed to `report` (by default a line on stderr) and skipped;
    FileNotFoundError if a path is not a folder.
    """
    report = report or (lambda line: print(line, file=sys.stderr))
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        if not path.is_dir():
            raise FileNotFoundError(
                f"{path} is not a folder: name an artifact folder, or a folder of artifacts"
            )
        folders = (
            [path]
            if (path / "manifest.json").exists()
            else sorted(p.parent for p in path.glob("*/manifest.json"))
        )
        if not folders:
            report(
                f"{path}: no artifact (no manifest.json): run zoo build DARTS --export tfjs"
            )
        for folder in map(Path.resolve, folders):
            if folder in found.values():
                continue
            try:
                manifest = read_manifest(folder)
            except ValueError as error:
                report(f"{error}; skipped")
            else:
                found[free_name(folder.name, found)] = folder
                if why := not_shown(manifest):
                    report(f"{folder}: {why}; the page lists it but does not run it")
    return found


def not_shown(manifest: Mapping[str, Any]) -> str:
    """Why the page does not run the network, or ''."""
    if (manifest.get("task") == "language-model-step"
            and "vocabulary.json" not in (manifest.get("files") or {})):
        return "it has no vocabulary.json"
    spec = manifest.get("input") if manifest.get("task") == "image-classification" else None
    if not isinstance(spec, dict):
        return ""
    if spec.get("channels") not in (1, 3):
        return f"its images have {spec.get('channels')} channels, and the page has only 1 or 3"
    if list(spec.get("range") or (0, 255)) != [0, 255]:
        return f"its pixels are in {spec['range']}, and the page has only 0 to 255"
    return ""


def read_manifest(folder: Path) -> dict:
    """The manifest of an artifact; ValueError if it is invalid or has no format for browsers."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError:
        raise ValueError(f"{path} is not JSON: build the artifact again") from None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not (
        isinstance(files, dict)
        and all(isinstance(file, dict) for file in files.values())
        and all(isinstance(manifest.get(key), str) for key in ("name", "genotype"))
    ):
        raise ValueError(f"{path} is not a manifest of zoo build: build the artifact again")
    read = [name for name in files if is_read(name)]
    if not read:
        raise ValueError(
            f"{folder} was exported without a format for browsers: build it again with --export "
            "tfjs"
        )
    for name in read:
        if not (folder / name).is_file():
            raise ValueError(f"{folder} lacks {name}: build the artifact again")
    return manifest


def index_json(artifacts: Mapping[str, Path], found_by: Mapping[str, str] | None = None) -> bytes:
    """models/index.json, the list of models on the page, with what their cards in the gallery show.

    `found_by` has the address of the report of the search that found a cell, by the name of the
    artifact.
    """
    models = [_entry(name, folder, (found_by or {}).get(name))
              for name, folder in artifacts.items()]
    return json_text.dumps({"models": models}, indent=1).encode()


def _entry(name: str, folder: Path, found_by: str | None) -> dict[str, Any]:
    manifest = read_manifest(folder)
    spec, metrics = manifest.get("input") or {}, manifest.get("metrics") or {}
    sizes: Counter[str] = Counter()
    for path, file in manifest["files"].items():
        if is_read(path):
            sizes[path.partition("/")[0]] += file.get("bytes") or 0
    entry = {
        "name": name, "genotype": manifest["genotype"], "task": manifest.get("task"),
        "channels": spec.get("channels"), "path": f"models/{name}/",
        # Times that a browser has measured belong to this content.
        "sha256": hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()[:16],
        "data": metrics.get("data") or spec.get("data"),
        "accuracy": metrics.get("test_accuracy"), "perplexity": metrics.get("test_perplexity"),
        "parameters": manifest.get("parameters"), "bytes": sizes,
        "drawing": "cell.svg" if "cell.svg" in manifest["files"] else None, "found": found_by}
    stays = ("genotype", "task", "channels")
    return {key: value for key, value in entry.items() if value is not None or key in stays}


def inside(folder: Path, path: str) -> Path | None:
    """The file `path` of `folder`, or None if dots, links or a root lead out of it."""
    home = folder.resolve()
    file = (home / path).resolve()
    return file if file.is_relative_to(home) else None


def free_name(name: str, taken: Mapping[str, Path]) -> str:
    """A unique name that is safe in a URL."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "model"
    if plain == "index.json" or plain in taken:
        number = next(n for n in range(2, len(taken) + 3) if f"{plain}-{n}" not in taken)
        return f"{plain}-{number}"
    return plain
