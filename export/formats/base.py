"""The formats of an artifact: where each lies, what it is made from, and the packages it takes."""

from __future__ import annotations

import contextlib
import importlib
from importlib import metadata

from export.formats import shims

FORMATS = ("onnx", "savedmodel", "tflite", "tfjs")

#: ONNX to TensorFlow: the modules whose ``write_saved_model(model, directory)`` does it.  One that
#: needs packages of its own says in ``available()`` why it cannot run, or None.
CONVERTERS = {"zoo": "export.formats.saved_model", "onnx-tf": "export.formats.onnx_tf"}

#: Where each format lies in the artifact.
PLACES = {"onnx": "onnx/model.onnx", "savedmodel": "saved_model", "tflite": "tflite/model.tflite",
          "tfjs": "tfjs"}

# What each format needs on the way; ONNX and SavedModel come before the others.
NEEDS = {"onnx": ("onnx",), "savedmodel": ("onnx", "savedmodel"),
          "tflite": ("onnx", "savedmodel", "tflite"), "tfjs": ("onnx", "savedmodel", "tfjs")}
TOOLS = {"onnx": ("onnx", "onnxruntime"), "savedmodel": ("tensorflow",),
          "tflite": (), "tfjs": ("tensorflowjs",)}


def check_packages(hops: list[str], converter: str) -> None:
    """Raise MissingPackageError unless every package that the hops need is installed."""
    for hop in hops:
        for package in TOOLS[hop]:
            shims.require(package)
    if "savedmodel" in hops:
        available = getattr(importlib.import_module(CONVERTERS[converter]), "available", None)
        if available and (reason := available()):
            raise shims.MissingPackageError(reason)


def installed_version(package: str) -> str:
    """The version of a package; tensorflow may go by the name of its CPU build."""
    for name in (package, f"{package}-cpu"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "unknown"
