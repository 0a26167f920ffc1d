"""The page loads a model, checks it, and computes PyTorch's logits on every backend."""

from __future__ import annotations

import json

import pytest

from tests.browser.conftest import unavailable
from web_demo.verify import verify

BACKENDS = ["wasm", "webgl", "webgpu", "cpu"]


def test_the_page_shows_the_manifest(visit, artifact):
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


def with_manifest(visitor, artifact, **changes):
    manifest = json.loads((artifact / "manifest.json").read_text()) | changes
    visitor.page.route("**/manifest.json", lambda route: route.fulfill(json=manifest))


SOURCE = "search run search-darts1-digits-0: darts order 1 on digits, seed 0"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (SOURCE, f"found by {SOURCE}"),
        ("a talk <b>of</b> 2026", "a talk <b>of</b> 2026"),
    ],
)
def test_an_unpublished_cell_shows_its_source(visit, artifact, source, shown):
    visitor = visit(viewport={"width": 360, "height": 740})
    with_manifest(visitor, artifact, genotype="DARTS1_DIGITS_0", paper="", source=source)
    page = visitor.ready()
    rows = page.locator("#facts div").all_inner_texts()
    assert [row.split("\n") for row in rows][:2] == [
        ["Genotype", "DARTS1_DIGITS_0"],
        ["Source", shown],
    ]
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert visitor.complaints == []


def test_a_published_cell_shows_its_paper(visit, artifact):
    facts = visit().ready().locator("#facts dt").all_inner_texts()
    assert "Paper" in facts and "Source" not in facts


def test_agreement_is_shown_in_images(visit, artifact):
    """A difference in 2 of 10,000 images is visible."""
    visitor = visit()
    with_manifest(visitor, artifact, agreement=[{
        "precision": "float16", "data": "digits", "images": 10000, "share": 0.9998,
        "where": "Python", "bytes": 1, "float32_bytes": 2}])
    shown = visitor.ready().inner_text("#facts")
    assert "9,998 of 10,000 test images (Python)" in shown


def test_a_language_model_is_listed_and_not_the_first_to_open(visit):
    """`zoo demo` lists artifacts by name, and a language model may come first."""
    visitor = visit()
    models = [
        {"name": "AAA_RNN", "genotype": "R", "task": "language-model-step", "path": "models/AAA/"},
        {"name": "DARTS-digits", "genotype": "DARTS", "path": "models/DARTS-digits/"},
    ]
    visitor.page.route("**/models/index.json", lambda route: route.fulfill(json={"models": models}))
    page = visitor.ready()
    assert page.locator("#model option").all_inner_texts() == ["AAA_RNN", "DARTS-digits"]
    assert page.input_value("#model") == "DARTS-digits"
    assert page.locator("#failure").is_hidden()


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


def test_verify_runs_exactly_the_requested_backends(browser, artifact, page_folder):
    rows = verify(artifact, backends=("cpu", "wasm"))
    assert [(row["backend"], row["ok"], row["error"]) for row in rows] == [
        ("cpu", True, None),
        ("wasm", True, None),
    ]
    parity = json.loads((artifact / "manifest.json").read_text())["parity"]
    (limit,) = [hop["outputs"]["logits"]["limit"] for hop in parity if hop["hop"] == "tfjs"]
    assert all(row["max_difference"] <= row["limit"] == limit for row in rows)


def test_backends_can_be_changed(visit):
    visitor = visit()
    page = visitor.ready("wasm")
    page.click("#backends input[value=cpu]")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    assert visitor.answer() == "1"


def test_unavailable_backends_show_the_reason(visit):
    visitor = visit()
    visitor.page.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined })"
    )
    page = visitor.ready()
    assert page.locator("#backends input[value=webgpu]").is_disabled()
    assert "Not available: not supported by this browser" in page.inner_text("#backends")


def test_progress_counts_bytes(visit, artifact):
    visitor = visit()
    # Records all values of the progress bar.
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
