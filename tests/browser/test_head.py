"""The head that the page trains is the logistic regression of scikit-learn."""

from __future__ import annotations

import json
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
    """head.ts, compiled for Node."""
    if shutil.which("node") is None or not (HERE / "node_modules/.bin/tsc").exists():
        unavailable("Node or the packages of the page are not installed: run make page")
    folder = tmp_path_factory.mktemp("head")
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(Path(__file__).with_name("head.mjs"), folder)
    subprocess.run(["node", HERE / "node_modules/.bin/tsc", "--outDir", folder, "--module",
                    "esnext", "--moduleResolution", "bundler", "--target", "es2022", "--lib",
                    "es2023,dom", "--skipLibCheck", "--types", "vite/client",
                    "--ignoreConfig", "--rootDir", HERE / "src",
                    HERE / "src/teach/head.ts"], cwd=HERE, check=True, timeout=120)
    return folder


@pytest.mark.parametrize("load, classes, decay", [(load_wine, 3, 0.01), (load_digits, 10, 0.01),
                                                  (load_digits, 2, 0.1)])
def test_it_is_that_of_scikit_learn(folder, load, classes, decay):
    features, truths = load(return_X_y=True)
    chosen = np.flatnonzero(truths < classes)[:200]
    features, truths = features[chosen].astype(np.float32), truths[chosen]
    ran = subprocess.run(["node", "head.mjs"], cwd=folder, capture_output=True, text=True,
                         timeout=120, input=json.dumps({
                             "features": features.tolist(), "truths": truths.tolist(),
                             "classes": classes, "decay": decay}))
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    # Features that are the same in all pictures stay as they are.
    mean, deviation = features.mean(0, dtype=float), features.std(0, dtype=float)
    scaled = (features - mean) / np.where(deviation > 1e-6, deviation, 1)
    # For two classes scikit-learn has one row of weights, the difference of the head's two rows,
    # which are each other's negatives: their squares sum to half of its square.
    strength = 1 / (decay * len(truths)) * (2 if classes == 2 else 1)
    reference = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(scaled, truths)
    logits = np.array(found["logits"])
    assert len(found["losses"]) == 400 and found["losses"][-1] < found["losses"][0]
    assert np.allclose(softmax(logits), reference.predict_proba(scaled), atol=2e-3)
    assert np.argmax(logits, 1).tolist() == reference.predict(scaled).tolist()
    folded = features @ np.reshape(found["weights"], (-1, classes)) + found["bias"]
    assert np.allclose(folded, logits, atol=1e-4 * np.abs(logits).max())
    assert np.sum(found["confusion"]) == len(truths)


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)
