"""An artifact as it is published on the Hugging Face Hub: the files of its manifest, with a card
that names the address.

Left out are files whose content or name is about this machine: hidden ones, and TensorBoard's
events, which are named after the host.  `history.jsonl` has the same figures.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Any

from export import card
from zoo.artifact import folder
from zoo.artifact.folder import ArtifactError
from zoo.artifact.manifest import CUSTOM, Manifest
from zoo.artifact.names import CONFIG, MANIFEST
from zoo.hub.address import Address, is_address
from zoo.hub.push import Contents
from zoo.plotting.cell import svg
from zoo.runs.tensorboard import TENSORBOARD
from zoo.weights import names_data

CARD = "README.md"
FIGURE = "cell.svg"


def contents(directory: Path, repository: str) -> tuple[Contents, Manifest]:
    """The files to push of an artifact or a finished training run, and its manifest.

    Raises ArtifactError if the folder is not an artifact or a file differs from its manifest.
    """
    manifest = folder.read_manifest(directory)
    files = {name: folder.read_file(directory, manifest, name)
             for name in manifest.files}  # all of them: a damaged artifact is not shared
    files = {name: content for name, content in files.items() if not _is_local(name)}
    if CONFIG in files:
        files[CONFIG] = _without_paths(directory, files[CONFIG])
    if manifest.network.kind not in CUSTOM and FIGURE not in files:  # of a training
        files[FIGURE] = svg(folder.read_genotype(directory, manifest), manifest.genotype).encode()
    files[CARD] = card.text(manifest, directory, str(Address(repository))).encode()
    files = dict(sorted(files.items()))
    listed = {name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
              for name, content in files.items()}
    manifest = Manifest.model_validate(manifest.model_dump() | {"files": listed})
    files[MANIFEST] = folder.json_bytes(manifest.model_dump(mode="json"))
    return Contents("model", files, MANIFEST, _names_in), manifest


def _is_local(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return parts[0] == TENSORBOARD or any(part.startswith(".") for part in parts)


def _without_paths(directory: Path, content: bytes) -> bytes:
    """The settings of a training without the folders of its data and weights."""
    try:
        config: dict[str, Any] = dict(json.loads(content))
    except (ValueError, TypeError):
        raise ArtifactError(f"{directory}/{CONFIG} is damaged; train into another folder with -o"
                            ) from None
    for name in ("path", "weights"):
        value = config.get(name)
        if isinstance(value, str) and not names_data(value) and not is_address(value):
            config[name] = None
    return folder.json_bytes(config)


def _names_in(manifest: bytes) -> set[str]:
    """The files that a manifest on the hub lists; none if it is not a manifest."""
    try:
        return set(Manifest.model_validate_json(manifest).files)
    except ValueError:
        return set()
