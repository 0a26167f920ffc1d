"""Agreement: how often rounded weights predict the class of the float32 network on a test set.

Rounding changes the logits, so a parity check does not apply; the predicted class has to stay the
same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.checks.parity import in_range
from zoo import weights
from zoo.artifact import folder as artifact
from zoo.artifact.manifest import Agreement, Input, Manifest
from zoo.data.images import load_for
from zoo.training.evaluation import check_match, predict

if TYPE_CHECKING:
    from export.formats.arrays import Runner

BATCH = 100


def answers(run: Runner, spec: Input, images: np.ndarray,
            report: Callable[[int], None] = lambda done: None) -> np.ndarray:
    """The predicted class of each of `images` (N, H, W, C), 0..255, by a hop's `run`.

    Calls `report(images done)` before every thousand images.
    """
    classes = []
    for first in range(0, len(images), BATCH):
        if first % 1000 == 0:
            report(first)
        pixels = in_range(images[first:first + BATCH], spec)
        classes.append(run({spec.name: pixels})["logits"].argmax(axis=1))
    return np.concatenate(classes)


def weight_bytes(tfjs: Path) -> dict[str, int]:
    """Bytes of the weights in a folder of TF.js files, as stored and in float32."""
    groups = json.loads((tfjs / "model.json").read_text(encoding="utf-8"))["weightsManifest"]
    return {
        "bytes": sum((tfjs / path).stat().st_size for group in groups for path in group["paths"]),
        "float32_bytes": sum(4 * math.prod(entry["shape"])
                             for group in groups for entry in group["weights"])}


def entry(predicted: np.ndarray, expected: np.ndarray, fmt: str, precision: str, data: str,
          where: str, size: dict[str, int]) -> Agreement:
    """The manifest entry for the classes `predicted` by a format's file in a runtime, `where`,
    compared with those `expected`."""
    return Agreement.model_validate({
        "format": fmt, "precision": precision, "data": data, "images": len(predicted),
        "where": where, "share": float(np.mean(predicted == expected)), **size})


def in_chromium(runtime: str, directory: Path, count: int, data: str | None, path: Path | None,
                backends: Sequence[str] | None) -> list[Agreement]:
    """The agreement of each backend of a browser runtime with PyTorch in float32 on the first
    `count` test images.

    Skips backends that the machine lacks.  Raises ValueError if the data set does not fit the
    network or has fewer images, RuntimeMissing without a browser, RuntimeError if a backend fails.
    """
    from web_demo import verify as browser

    model, manifest = weights.load_artifact(directory)
    data = data or manifest.input.data
    if data is None:
        raise ValueError(f"{directory} does not name its training data; name it with --data")
    if count < 1:
        raise ValueError(f"--images must be at least 1, not {count}")
    images = load_for(manifest.input, data, path)
    check_match(manifest, images)
    if count > len(images.test.images):
        raise ValueError(f"{data} has {len(images.test.images)} test images, not {count}")
    chosen = images.test.images[:count]
    logits = predict(model, chosen, manifest.input.mean, manifest.input.std)
    expected = logits.argmax(1).numpy()
    entries = []
    raw = in_range(chosen, manifest.input)
    for row in browser.classify(directory, raw, runtime, backends):
        if row["available"] and row["error"]:
            raise RuntimeError(f"chromium {row['backend']}: {row['error']}")
        if row["available"]:
            assert manifest.precision  # set in every artifact with TF.js files
            entries.append(entry(np.array(row["answers"]), expected, "tfjs", manifest.precision,
                                 data, f"chromium {row['backend']}",
                                 weight_bytes(directory / "tfjs")))
    return entries


def record(directory: Path, entries: list[Agreement]) -> Manifest:
    """Add `entries` to the manifest and model card of an artifact, in place of earlier ones for the
    same format and runtime.  The folder is replaced atomically."""
    from export import card

    manifest = artifact.read_manifest(directory)
    replaced = {(one.format, one.where) for one in entries}
    kept = [one for one in manifest.agreement if (one.format, one.where) not in replaced]
    manifest = manifest.model_copy(update={"agreement": [*kept, *entries]})
    with artifact.writing(directory, keep=manifest.files) as folder:
        (folder / "README.md").write_text(card.text(manifest, folder), encoding="utf-8")
        return artifact.finalize(folder, manifest)
