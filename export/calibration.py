"""Calibration images for the ranges of 8-bit integers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.checks.parity import in_range
from zoo.artifact.manifest import Input, Manifest
from zoo.data.pictures import read_picture

if TYPE_CHECKING:
    from export.formats.arrays import Arrays
    from export.pipeline import Source

#: Number of training images; more do not change the ranges of these networks.
COUNT = 200

#: Folders of the pictures shipped for a data set; built pages have copies.
_PAGE = Path(__file__).parents[1] / "web_demo"
_SHIPPED = {"cifar10": (_PAGE / "dist/pictures", _PAGE / "public/pictures")}


def inputs_of(source: Source) -> Arrays:
    """Calibration inputs by name: training images if the data set is available, else shipped
    pictures.

    Raises ValueError if there are neither: ranges of random pixels would be silently wrong.
    """
    manifest = source.manifest
    if manifest.task != "image-classification":
        what = "a language model" if manifest.task == "language-model-step" else "this network"
        raise ValueError(f"precision int8 is calibrated on images, and {what} has none; leave "
                         "--precision out, or use float16 with tfjs")
    images = source.calibration() if source.calibration else _shipped(manifest)
    return {manifest.input.name: in_range(images, manifest.input)}


def chosen(images: np.ndarray) -> np.ndarray:
    """`COUNT` evenly spaced images of `images` (N, H, W, C)."""
    indices = np.linspace(0, len(images) - 1, min(COUNT, len(images))).astype(int)
    return np.asarray(images[indices])


def _shipped(manifest: Manifest) -> np.ndarray:
    """The shipped pictures of the network's data set and their mirror images, (N, H, W, C)."""
    spec: Input = manifest.input
    folder = next((path for path in _SHIPPED.get(spec.data or "", ()) if path.is_dir()), None)
    if folder is None:
        images = f"{spec.data} images" if spec.data else "images for this network"
        raise ValueError("precision int8 needs images for calibration; give the folder of "
                         f"{images} with --path")
    pictures = np.stack([read_picture(file, spec) for file in sorted(folder.glob("*.jpg"))])
    return np.concatenate([pictures, pictures[:, :, ::-1]])
