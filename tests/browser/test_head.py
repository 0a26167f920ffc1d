"""The head that the page trains is the logistic regression of scikit-learn, and goes into graphs of
every form."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression

from tests.browser.conftest import unavailable
from web_demo.node import HERE


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The code of the page, compiled for Node."""
    if shutil.which("node") is None or not (HERE / "node_modules/.bin/tsc").exists():
        unavailable("Node or the packages of the page are not installed: run make page")
    folder = tmp_path_factory.mktemp("head")
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    for script in ("head.mjs", "graph.mjs"):
        shutil.copy(Path(__file__).with_name(script), folder)
    (folder / "tsconfig.json").write_text(json.dumps({
        "compilerOptions": {
            "outDir": str(folder), "rootDir": str(HERE / "src"), "module": "esnext",
            "moduleResolution": "bundler", "target": "es2022", "lib": ["es2023", "dom"],
            "skipLibCheck": True, "types": []},
        "files": [str(HERE / f"src/teach/{name}.ts") for name in ("graph", "head")]}))
    subprocess.run(["node", "node_modules/.bin/tsc", "-p", "."], cwd=folder, check=True,
                   timeout=120)
    for script in (folder / "teach").glob("*.js"):  # Node needs the extension
        script.write_text(re.sub(r"from '(\.[^']+)'", r"from '\1.js'", script.read_text()))
    return folder


def node(folder: Path, script: str, given: dict) -> dict:
    ran = subprocess.run(["node", script], cwd=folder, capture_output=True, text=True, timeout=120,
                         input=json.dumps(given))
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def load_wide(return_X_y):
    """Few examples with many correlated features, as a network pools them."""
    random = np.random.default_rng(0)
    truths = np.arange(40) % 4
    hidden = random.normal(size=(40, 12)) + 3 * random.normal(size=(4, 12))[truths]
    return np.maximum(hidden @ random.normal(size=(12, 1024)), 0), truths


@pytest.mark.parametrize("load, classes, decay", [(load_wine, 3, 0.01), (load_digits, 10, 0.01),
                                                  (load_digits, 2, 0.1), (load_wide, 4, 0.01)])
def test_it_is_that_of_scikit_learn(folder, load, classes, decay):
    features, truths = load(return_X_y=True)
    chosen = np.flatnonzero(truths < classes)[:200]
    features, truths = features[chosen].astype(np.float32), truths[chosen]
    found = node(folder, "head.mjs", {"features": features.tolist(), "truths": truths.tolist(),
                                      "classes": classes, "decay": decay})
    # Features that are the same in all pictures stay as they are.
    mean, deviation = features.mean(0, dtype=float), features.std(0, dtype=float)
    scaled = (features - mean) / np.where(deviation > 1e-6, deviation, 1)
    # For two classes scikit-learn has one row of weights, the difference of the head's two rows,
    # which are each other's negatives: their squares sum to half of its square.
    strength = 1 / (decay * len(truths)) * (2 if classes == 2 else 1)
    reference = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(scaled, truths)
    logits = np.array(found["logits"])
    assert len(found["losses"]) == 400
    losses = np.array(found["losses"])
    assert losses[-1] < 0.2 * losses[0]  # and on the way there it hardly overshoots
    assert (losses - np.minimum.accumulate(losses)).max() < 0.15 * losses[0]
    assert np.allclose(softmax(logits), reference.predict_proba(scaled), atol=2e-3)
    assert np.argmax(logits, 1).tolist() == reference.predict(scaled).tolist()
    folded = features @ np.reshape(found["weights"], (-1, classes)) + found["bias"]
    assert np.allclose(folded, logits, atol=1e-4 * np.abs(logits).max())
    assert np.sum(found["confusion"]) == len(truths)


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


KERNEL = np.arange(12, dtype="<f4").reshape(4, 3) / 7
BIAS = np.array([3, -1, 2], "<f4")
INPUT = np.array([[1, -2, 0.5, 3]], "<f4")
REAL = {"T": {"type": "DT_FLOAT"}}


def graph(form: str) -> dict:
    """A graph with the features 2 * x, in a form of the head, and its weights in two shards."""
    transposed = "transposed" in form
    kernel = KERNEL.T if transposed else KERNEL
    flags = {**REAL, "transpose_a": {"b": False}, "transpose_b": {"b": transposed}}
    nodes = [{"name": "x", "op": "Placeholder", "attr": {"dtype": {"type": "DT_FLOAT"}}},
             *({"name": name, "op": "Const", "attr": {"dtype": {"type": "DT_FLOAT"}}}
               for name in ("first", "kernel", "bias")),
             {"name": "double", "op": "AddV2", "input": ["x", "x"], "attr": REAL}]
    fused = "fused" in form
    if fused:
        ops = ["BiasAdd", *(["Relu"] if "relu" in form else [])]
        coded = [base64.b64encode(op.encode()).decode() for op in ops]
        nodes.append({"name": "head", "op": "_FusedMatMul", "input": ["double", "kernel", "bias"],
                      "attr": {**flags, "fused_ops": {"list": {"s": coded}},
                               "num_args": {"i": "1"}, "epsilon": {"f": 0}}})
    else:
        nodes += [{"name": "product", "op": "MatMul", "input": ["double", "kernel"], "attr": flags},
                  {"name": "head", "op": "BiasAdd", "input": ["product", "bias"], "attr": REAL}]
    if "shared" in form:
        nodes.append({"name": "other", "op": "AddV2", "input": ["kernel", "kernel"], "attr": REAL})
    nodes.append({"name": "Identity", "op": "Identity", "input": ["head"], "attr": REAL})
    weights = [{"name": name, "shape": list(values.shape), "dtype": "float32"} for name, values in
               (("first", BIAS), ("kernel", kernel), ("bias", BIAS))]
    if "quantized" in form:
        weights[1]["quantization"] = {"dtype": "float16"}
    raw = b"".join(values.tobytes() for values in (BIAS, np.ascontiguousarray(kernel), BIAS))
    shards = {"a.bin": raw[:40], "b.bin": raw[40:]}  # the last one is the smallest, as written
    outputs = {} if "nameless" in form else {"logits": {"name": "Identity:0", "dtype": "DT_FLOAT"}}
    return {"model": {"format": "graph-model", "modelTopology": {"node": nodes, "versions": {}},
                      "signature": {"inputs": {"x": {"name": "x:0", "dtype": "DT_FLOAT"}},
                                    "outputs": outputs},
                      "weightsManifest": [{"paths": list(shards), "weights": weights}]},
            "shards": {name: base64.b64encode(part).decode() for name, part in shards.items()},
            "input": INPUT.tolist(),
            "taught": {"weights": KERNEL[:, :2].ravel().tolist(), "bias": [5, 6],
                       "labels": ["a", "b"]}}


@pytest.mark.parametrize("form", ["fused", "fused transposed", "plain", "plain transposed"])
def test_a_head_is_replaced(folder, form):
    found = node(folder, "graph.mjs", graph(form))
    assert np.allclose(found["weights"], KERNEL.ravel()) and found["bias"] == BIAS.tolist()
    assert found["before"]["features"] == found["after"]["features"] == (2 * INPUT).tolist()
    assert np.allclose(found["before"]["logits"], 2 * INPUT @ KERNEL + BIAS)
    assert np.allclose(found["after"]["logits"], 2 * INPUT @ KERNEL[:, :2] + [5, 6])
    assert sorted(found["paths"]) == ["tfjs/a.bin", "tfjs/model.json"]


@pytest.mark.parametrize("form", ["fused relu", "fused shared", "fused quantized", "nameless"])
def test_other_heads_are_refused(folder, form):
    assert "does not end in a linear layer" in node(folder, "graph.mjs", graph(form))["refused"]
