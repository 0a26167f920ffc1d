"""A static site as a Space of the Hugging Face Hub.

The Space serves the files of the site with the headers that threads of WebAssembly need; its
settings are the front matter of README.md
(https://huggingface.co/docs/hub/spaces-config-reference).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import yaml

from web_demo.artifacts import inside
from web_demo.site import MARKER
from zoo.hub.push import Contents
from zoo.messages.notes import listed

CARD = "README.md"
#: By name as in the front matter; those of `web_demo.server`.
HEADERS = {
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "cross-origin",
}
_AGAIN = "write it again with zoo demo --build"


class SiteError(ValueError):
    """A folder that is not a site of `zoo demo --build`, or is damaged."""


def is_site(directory: Path) -> bool:
    """Whether `zoo demo --build` wrote the folder."""
    return (directory / MARKER).is_file()


def contents(site: Path, repository: str) -> Contents:
    """The files of a Space: those of the site, and its README.md.

    Raises SiteError if the folder is not a site, lacks a file, or has a model whose files differ
    from its manifest.
    """
    try:
        marker = (site / MARKER).read_bytes()
    except OSError:
        raise SiteError(f"{site} is not a site; write one with zoo demo DIR --build {site}"
                        ) from None
    names = _names_in(marker)
    if "index.html" not in names:
        raise SiteError(f"{site}/{MARKER} is damaged; {_AGAIN}")
    files = {name: _content(site, name) for name in sorted(names)}
    models = [name.split("/")[1] for name in files
              if name.startswith("models/") and name.endswith("/manifest.json")]
    for model in models:
        _check_model(site, model, files)
    files[MARKER] = marker
    files[CARD] = card(repository.partition("/")[2], models).encode()
    return Contents("space", files, MARKER, _names_in)


def card(name: str, models: list[str]) -> str:
    """README.md of a Space.

    >>> print(card("demo", ["DARTS-digits"]).splitlines()[2])
    sdk: static
    """
    front = {"title": name, "sdk": "static", "app_file": "index.html", "pinned": False,
             "short_description": "Neural networks of published cells in the browser",
             "custom_headers": HEADERS, "tags": ["neural-architecture-search"]}
    return (f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n\n# {name}\n\n"
            f"{listed(models, 10) or 'No networks'}, written by `zoo demo --build` of "
            "genotype-zoo. The networks run in your browser; nothing is uploaded.\n")


def _content(site: Path, name: str) -> bytes:
    path = inside(site, name)
    if path is None:
        raise SiteError(f"{site}/{MARKER} names {name!r}, which is outside the folder; {_AGAIN}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise SiteError(f"{site}/{name} cannot be read ({error.strerror}); {_AGAIN}") from None


def _check_model(site: Path, model: str, files: dict[str, bytes]) -> None:
    """Raise SiteError if a file of a model differs from its manifest."""
    folder = f"models/{model}"
    try:
        expected = {name: entry["sha256"] for name, entry in
                    json.loads(files[f"{folder}/manifest.json"])["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SiteError(f"{site}/{folder}/manifest.json is damaged; {_AGAIN}") from None
    for name, sha256 in expected.items():
        content = files.get(f"{folder}/{name}")
        if content is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise SiteError(f"{site}/{folder}/{name} has changed (its sha256 differs from the "
                            f"manifest); {_AGAIN}")


def _names_in(marker: bytes) -> set[str]:
    """The files that a site's marker lists; none if it is not one."""
    try:
        names = json.loads(marker)["files"]
    except (ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
