"""What can run on this machine, hop by hop, and why not."""

from __future__ import annotations

import importlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from export.formats import shims
from export.formats.base import installed_version
from export.logs import captured


@dataclass(frozen=True)
class Check:
    hop: str
    ok: bool
    detail: str  # what was found, or what is missing and the remedy


def checks() -> list[Check]:
    """One row a hop, in the order of the chain; imports what each of them would."""
    rows = []
    for hop, probe in (
        ("train and build (PyTorch)", _torch),
        ("PyTorch -> ONNX", lambda: _packages("onnx", "onnxruntime")),
        ("ONNX -> TensorFlow", lambda: _packages("tensorflow")),
        ("ONNX -> TensorFlow, onnx-tf", _onnx_tf),
        ("TensorFlow -> TFLite", _tflite),
        ("TensorFlow -> TF.js", _tensorflowjs),
        ("data sets from the hub", lambda: _packages("datasets")),
        ("verify in Chromium", _chromium),
        ("verify in Node", _node),
        ("the demo page", _page),
    ):
        rows.append(_check(hop, probe))
    return rows


def _check(hop: str, probe: Callable[[], str]) -> Check:
    try:
        with captured():
            return Check(hop, True, probe())
    except Exception as error:  # whatever an import throws is the answer
        return Check(hop, False, " ".join(str(error).split()) or type(error).__name__)


def _packages(*names: str) -> str:
    for name in names:
        shims.require(name)
        importlib.import_module(name)
    return ", ".join(f"{name} {installed_version(name)}" for name in names)


def _torch() -> str:
    import torch

    from zoo.system.device import pick_device

    return f"torch {torch.__version__} on {pick_device()}, {torch.get_num_threads()} threads"


def _onnx_tf() -> str:
    from export.formats import onnx_tf

    if reason := onnx_tf.available():
        raise ImportError(reason)
    return f"onnx-tf {installed_version('onnx-tf')}"


def _tflite() -> str:
    import tensorflow as tf

    tf.lite.TFLiteConverter, tf.lite.Interpreter  # noqa: B018  (lazy: loads them)
    return f"tensorflow {installed_version('tensorflow')}"


def _tensorflowjs() -> str:
    shims.tensorflowjs_converter()
    return f"tensorflowjs {installed_version('tensorflowjs')}"


def _chromium() -> str:
    from playwright.sync_api import sync_playwright

    from web_demo.chromium import require_chromium

    with sync_playwright() as playwright:
        return require_chromium(playwright)


def _node() -> str:
    path = shutil.which("node")
    if path is None:
        raise FileNotFoundError("node is not installed; Node 20.19 or newer is needed")
    version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout.strip()
    from web_demo.verify import HERE

    if not (HERE / "node_modules/@tensorflow/tfjs-converter").is_dir():
        raise FileNotFoundError(f"node {version}, but not the packages of the page: `make page`")
    return f"node {version}"


def _page() -> str:
    from web_demo.site import built_page

    return str(built_page())
