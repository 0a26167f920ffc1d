"""The page loads a model, checks it, and finds PyTorch's logits on every backend."""

from __future__ import annotations

import json

import pytest

from tests.browser.conftest import unavailable
from web_demo.verify import verify

BACKENDS = ["wasm", "webgl", "webgpu", "cpu"]


def test_page_tells_what_the_manifest_says(visit, artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    visitor = visit()
    page = visitor.ready()
    facts = page.inner_text("#facts")
    assert page.inner_text("#title") == manifest["name"]
    assert f"{manifest['parameters']:,}" in facts
    assert f"{manifest['metrics']['test_accuracy'] * 100:.1f} %" in facts
    assert page.inner_text("#times").count("ms") >= 3
    assert page.locator("#cell").evaluate("image => image.complete && image.naturalWidth > 0")
    assert visitor.complaints == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_parity_on_the_page(visit, backend):
    visitor = visit()
    visitor.open()
    page = visitor.page
    page.wait_for_selector("#backends input")
    if page.locator(f"#backends input[value={backend}]").is_disabled():
        unavailable(f"{backend}: {page.locator(f'label:has(input[value={backend}])').inner_text()}")
    visitor.ready(backend)
    assert page.inner_text("#parity").startswith("✓ Same logits as PyTorch")
    assert visitor.complaints == []


def test_verify_runs_exactly_the_backends_asked_for(browser, artifact, page_folder):
    rows = verify(artifact, backends=("cpu", "wasm"))
    assert [(row["backend"], row["ok"], row["error"]) for row in rows] == [
        ("cpu", True, None),
        ("wasm", True, None),
    ]
    assert all(row["max_difference"] <= row["limit"] == 1e-5 for row in rows)


def test_backends_can_be_changed(visit):
    visitor = visit()
    page = visitor.ready("wasm")
    page.check("#backends input[value=cpu]")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    assert visitor.answer() == "1"


def test_unavailable_backends_say_why(visit):
    visitor = visit()
    visitor.page.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined })"
    )
    page = visitor.ready()
    assert page.locator("#backends input[value=webgpu]").is_disabled()
    assert "Not available: this browser does not offer it" in page.inner_text("#backends")


def test_progress_counts_bytes(visit, artifact):
    visitor = visit()
    # Whatever the bar ever showed, kept by the page itself.
    visitor.page.add_init_script("""
        addEventListener('DOMContentLoaded', () => {
            window.shown = [];
            const text = document.getElementById('loading-text');
            new MutationObserver(() => window.shown.push(text.textContent))
                .observe(text, { subtree: true, childList: true, characterData: true });
        });
    """)
    page = visitor.ready()
    total = sum(path.stat().st_size for path in (artifact / "tfjs").iterdir())
    assert f"of {total / 1000:.0f} kB" in " ".join(page.evaluate("window.shown"))
