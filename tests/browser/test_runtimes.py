"""Every runtime outside Python, on every backend: artifacts of a cell, of an ONNX file with several
inputs and outputs, and of one with fixed shapes."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import threading
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from typer.testing import CliRunner

import zoo
from export.checks.verify import in_runtime
from export.pipeline import build
from export.runtimes.base import RUNTIMES
from export.sources.cell import from_model
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.browser.altered import changed, reseal
from tests.browser.conftest import unavailable
from tests.export.converter.graphs import classifier, model, node, weight
from web_demo.bench import bench, bench_each
from web_demo.chromium import RuntimeMissing
from web_demo.runtimes import RUNTIMES as OF_THE_PAGE
from web_demo.site import PAGE
from zoo.cli import app

FORMATS = ["onnx", "tflite", "tfjs"]
#: Every runtime outside Python with each of its backends.
OUTSIDE = [(name, backend) for name, each in RUNTIMES.items() if each.verify
           for backend in each.backends]


def tensors() -> onnx.ModelProto:
    """Inputs: ids, a mask, booleans. Outputs: features, whether they are positive, their argmax."""
    graph = model(
        [node("Gather", "table ids", "looked"), node("Unsqueeze", "mask two", "wide"),
         node("Mul", "looked wide", "kept"), node("MatMul", "kept w", "features"),
         node("ReduceMax", "features", "rows", axes=[2], keepdims=0),
         node("Where", "wanted rows zero", "chosen"), node("Greater", "chosen zero", "above"),
         node("ArgMax", "rows", "best", axis=1, keepdims=0)],
        {"ids": ["batch", 5], "mask": ["batch", 5], "wanted": ["batch", 5]},
        ["features", "above", "best"],
        {"table": weight(11, 6), "w": weight(6, 4, seed=1), "two": np.array([2]),
         "zero": np.zeros(1, np.float32)})
    for value, kind in ((graph.graph.input[0], TensorProto.INT64),
                        (graph.graph.input[2], TensorProto.BOOL),
                        (graph.graph.output[1], TensorProto.BOOL),
                        (graph.graph.output[2], TensorProto.INT64)):
        value.type.tensor_type.elem_type = kind
    return graph


def fixed() -> onnx.ModelProto:
    """Inputs that mix the batch, which is therefore fixed."""
    return model([node("MatMul", "a w", "b"), node("ReduceMean", "b", "mean", axes=[0]),
                  node("Sub", "b mean", "y")],
                 {"a": [3, 4]}, ["y"], {"w": weight(4, 2)})


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("runtimes")
    for name, graph in {"tensors": tensors(), "fixed": fixed(), "images": classifier()}.items():
        (place / f"{name}.onnx").write_bytes(graph.SerializeToString())
        build(find(str(place / f"{name}.onnx"), BuildOptions()), FORMATS, place / name)
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
    assert row.difference is not None and row.limit is not None and row.difference <= row.limit


@pytest.mark.parametrize("name", [*OF_THE_PAGE, "node"])
def test_wrong_numbers_are_found_and_named(name, artifacts, page_folder, tmp_path):
    """In the last output, which is integer, and in the first, which is real."""
    wrong = changed(artifacts["tensors"], tmp_path / "wrong", -1, 1)
    (row,) = in_runtime(wrong, name, ["wasm"])
    assert row.failed and row.verdict == "best differs" and row.difference == 1
    (row,) = in_runtime(changed(artifacts["tensors"], tmp_path / "other", 0, 0.01), name, ["wasm"])
    assert row.failed and row.verdict == "features differs" and row.limit == 1e-5


@pytest.mark.parametrize("name", OF_THE_PAGE)
def test_a_damaged_file_is_reported_in_one_line(name, artifacts, page_folder, tmp_path):
    """Files that do not match the manifest, and files that match but are invalid."""
    reads = OF_THE_PAGE[name].reads
    file = {"tfjs": "tfjs/model.json"}.get(reads, f"{reads}/model.{reads}")
    broken = Path(shutil.copytree(artifacts["images"], tmp_path / "broken"))
    (broken / file).write_bytes((broken / file).read_bytes()[:200])
    (row,) = in_runtime(broken, name, ["wasm"])
    assert row.failed and "does not match its sha256" in row.verdict
    reseal(broken)
    (row,) = in_runtime(broken, name, ["wasm"])
    assert row.failed and row.verdict != "agrees" and "\n" not in row.verdict
    assert "could not load the network" in row.verdict or "is not a TensorFlow.js" in row.verdict


def test_all_are_timed_in_one_page(artifacts, page_folder):
    chosen = [(name, "wasm") for name in OF_THE_PAGE]
    rows = bench(artifacts["images"], chosen, threads=1, runs=3)
    assert [(row["runtime"], row["backend"], row["error"]) for row in rows] == [
        (*each, None) for each in chosen]
    assert all(len(row["times"]) == 3 and row["ms"] > 0 and row["threads"] == 1 for row in rows)


def test_threads_are_those_asked_for(artifacts, page_folder):
    chosen = [(name, "wasm") for name in OF_THE_PAGE]
    assert [row["threads"] for row in bench(artifacts["cell"], chosen, 2, 2)] == [2] * len(chosen)


@pytest.mark.parametrize("name", OF_THE_PAGE)
def test_networks_are_timed_in_turn_in_one_worker(name, artifacts, page_folder):
    both = [artifacts["images"], artifacts["cell"]]
    for (row,) in bench_each(both, [(name, "wasm")], runs=3):
        assert (row["runtime"], row["error"], row["threads"]) == (name, None, 1)
        assert len(row["times"]) == 4 and row["ms"] > 0  # whole turns


def test_emulated_graphics_are_timed_only_when_they_are_named(artifacts, page_folder):
    (row,) = bench(artifacts["images"], [("tfjs", "webgl")], runs=2)
    if row["available"]:
        pytest.skip("this machine has a GPU")
    assert row["ms"] is None and row["reason"]
    (row,) = bench(artifacts["images"], [("tfjs", "webgl")], runs=2, software=[("tfjs", "webgl")])
    if not row["available"]:
        unavailable(f"webgl: {row['reason']}")
    assert row["ms"] > 0 and row["software"]


def test_zoo_bench_prints_every_runtime(artifacts, page_folder, monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    words = ["bench", str(artifacts["images"]), "--runtime", "all", "--runs", "2", "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    (measured,) = json.loads(result.stdout)
    assert (measured["threads"], measured["runs"], measured["pytorch_ms"]) == (1, 2, None)
    rows = {(row["runtime"], row["backend"]): row for row in measured["timings"]}
    assert list(rows) == [(name, backend) for name, each in RUNTIMES.items()
                          for backend in each.backends]
    for kind in (("onnxruntime", "cpu"), ("tflite", "cpu"), ("tfjs", "wasm"), ("litert", "wasm"),
                 ("ort-web", "wasm"), ("node", "wasm")):
        assert rows[kind]["ms"] > 0, rows
    assert "holds no savedmodel" in rows["tensorflow", "cpu"]["note"]
    size = (artifacts["images"] / "onnx/model.onnx").stat().st_size
    assert measured["bytes"]["onnxruntime"] == measured["bytes"]["ort-web"] == size


def test_zoo_bench_of_a_cell(page_folder):
    result = CliRunner().invoke(app, [
        "bench", "DARTS", "--channels", "4", "--layers", "3", "--runs", "2", "--runtime",
        "litert:wasm,onnxruntime"])
    assert result.exit_code == 0, result.output
    heading, row = result.stdout.splitlines()
    assert heading.index("LiteRT.js wasm ms") < heading.index("ONNX Runtime ms")
    assert row.count("x") == 2


#: Import map and copied folders for the code of docs/browser.md, by its import.
FOREIGN = {
    "@litertjs/core": ({"@litertjs/core": "core/dist/index.js",
                        "@litertjs/wasm-utils": "wasm-utils/dist/index.js"},
                       {"@litertjs/core": "core", "@litertjs/wasm-utils": "wasm-utils",
                        "@litertjs/core/wasm": "litert"}),
    "onnxruntime-web/wasm": ({"onnxruntime-web/wasm": "ort/ort.wasm.min.mjs"},
                             {"onnxruntime-web/dist": "ort"}),
}


@pytest.mark.parametrize("imported", FOREIGN)
def test_the_documented_code_runs(imported, artifacts, browser, tmp_path):
    """The code of docs/browser.md runs on a page without our code."""
    text = (Path(__file__).parents[2] / "docs/browser.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```js\n(.*?)```", text, re.S)
               if f"'{imported}'" in block]
    modules, copied = FOREIGN[imported]
    for package, place in copied.items():
        shutil.copytree(PAGE.parent / "node_modules" / package, tmp_path / place,
                        ignore=shutil.ignore_patterns("*.map", "node_modules", "*jsep*", "*all*"))
    shutil.copytree(artifacts["cell"], tmp_path, dirs_exist_ok=True)
    addresses = json.dumps({"imports": {name: f"./{file}" for name, file in modules.items()}})
    (tmp_path / "index.html").write_text(f"""<!doctype html><title>waits</title>
        <body><script type="importmap">{addresses}</script><script type="module">
        const [height, width, channels] = [32, 32, 3];
        const raw = await (await fetch('fixtures/input.bin')).arrayBuffer();
        const pixels = new Float32Array(raw, 0, height * width * channels);
        {code}
        document.title = JSON.stringify(Array.from(answer));
        </script></body>""")
    logits = np.fromfile(tmp_path / "fixtures/logits.bin", "<f4").reshape(-1, 10)[0]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page()
    try:
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_function("document.title !== 'waits'", timeout=60_000)
        found = json.loads(page.title())
    finally:
        page.close()
        server.shutdown()
        server.server_close()
    wanted = np.exp(logits - logits.max())
    np.testing.assert_allclose(found, wanted / wanted.sum(), atol=1e-5)


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
