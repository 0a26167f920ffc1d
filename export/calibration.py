"""The images on which the ranges of 8-bit integers are found: a few that look like what comes."""

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

#: Training images that are taken; more do not change the ranges of these networks.
COUNT = 200

#: The pictures that are shipped for a data set, by its name; built pages have copies.
_PAGE = Path(__file__).parents[1] / "web_demo"
_SHIPPED = {"cifar10": (_PAGE / "dist/pictures", _PAGE / "public/pictures")}


def inputs_of(source: Source) -> Arrays:
    """The inputs by name: training images where the data set is at hand, else shipped pictures.

    Raises ValueError where there are none: ranges of made-up pixels would be wrong in silence.
    """
    manifest = source.manifest
    if manifest.task != "image-classification":
        what = "a language model" if manifest.task == "language-model-step" else "this network"
        raise ValueError("precision int8 takes images to find the ranges of its integers, and "
                         f"{what} has none; leave --precision out, or use float16 with tfjs")
    images = source.calibration() if source.calibration else _shipped(manifest)
    return {manifest.input.name: in_range(images, manifest.input)}


def chosen(images: np.ndarray) -> np.ndarray:
    """`COUNT` of training images (N, H, W, C), spread evenly over them."""
    places = np.linspace(0, len(images) - 1, min(COUNT, len(images))).astype(int)
    return np.asarray(images[places])


def _shipped(manifest: Manifest) -> np.ndarray:
    """The shipped pictures of the network's data set and their mirror images, (N, H, W, C)."""
    spec: Input = manifest.input
    folder = next((place for place in _SHIPPED.get(spec.data or "", ()) if place.is_dir()), None)
    if folder is None:
        whose = f"of {spec.data}" if spec.data else "of its own"
        raise ValueError("precision int8 needs images to find the ranges of its integers; name "
                         f"the folder of images {whose} with --path")
    pictures = np.stack([read_picture(file, spec) for file in sorted(folder.glob("*.jpg"))])
    return np.concatenate([pictures, pictures[:, :, ::-1]])
