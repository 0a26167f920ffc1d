"""Every runtime outside Python, on every backend: an artifact of a cell, one of several tensors
that came as an ONNX file, and one whose shapes are fixed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

import zoo
from export.checks.verify import in_runtime
from export.foreign import from_file
from export.pipeline import build
from export.runtimes.base import RUNTIMES
from export.source import from_model
from tests.browser.conftest import unavailable
from tests.export.converter.graphs import classifier, model, node, weight
from web_demo.bench import bench
from web_demo.chromium import RuntimeMissing
from web_demo.runtimes import RUNTIMES as OF_THE_PAGE
from zoo.artifact import folder as folders
from zoo.artifact.manifest import Manifest
from zoo.cli import app

FORMATS = ["onnx", "tflite", "tfjs"]
#: Runtimes that are driven from outside, with each of their backends.
OUTSIDE = [(name, backend) for name, each in RUNTIMES.items() if each.verify
           for backend in each.backends]


def tensors() -> onnx.ModelProto:
    """Ids and a mask in; features, their largest place and whether it is late out."""
    graph = model(
        [node("Gather", "table ids", "looked"), node("Unsqueeze", "mask two", "wide"),
         node("Mul", "looked wide", "kept"), node("MatMul", "kept w", "features"),
         node("ReduceMax", "features", "rows", axes=[2], keepdims=0),
         node("ArgMax", "rows", "best", axis=1, keepdims=0)],
        {"ids": ["batch", 5], "mask": ["batch", 5]}, ["features", "best"],
        {"table": weight(11, 6), "w": weight(6, 4, seed=1), "two": np.array([2])})
    graph.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    graph.graph.output[1].type.tensor_type.elem_type = TensorProto.INT64
    return graph


def fixed() -> onnx.ModelProto:
    """Inputs that change each other, so that the batch is that of the file."""
    return model([node("MatMul", "a w", "b"), node("ReduceMean", "b", "mean", axes=[0]),
                  node("Sub", "b mean", "y")],
                 {"a": [3, 4]}, ["y"], {"w": weight(4, 2)})


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("runtimes")
    for name, graph in {"tensors": tensors(), "fixed": fixed(), "images": classifier()}.items():
        (place / f"{name}.onnx").write_bytes(graph.SerializeToString())
        build(from_file(place / f"{name}.onnx"), FORMATS, place / name)
    step = zoo.create_model("ENAS_RNN", network="language", vocabulary=40, embedding=16, hidden=16)
    build(from_model(step, "step"), FORMATS, place / "step")
    small = zoo.create_model("DARTS", channels=4, layers=3)
    build(from_model(small, "cell"), FORMATS, place / "cell")
    return {name: place / name for name in ("tensors", "fixed", "images", "step", "cell")}


@pytest.mark.parametrize("kind", ["tensors", "fixed", "images", "step", "cell"])
@pytest.mark.parametrize(("name", "backend"), OUTSIDE)
def test_the_fixture_agrees(name, backend, kind, artifacts, page_folder):
    try:
        (row,) = in_runtime(artifacts[kind], name, [backend])
    except RuntimeMissing as error:
        unavailable(str(error))
    if row.verdict.startswith("not here"):
        unavailable(f"{name} {backend}: {row.verdict}")
    assert (row.name, row.verdict, row.failed) == (f"{name} {backend}", "agrees", False)
    assert row.difference <= row.limit
