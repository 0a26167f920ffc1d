"""A language model generates the same text on the page as in PyTorch, and the page stays usable."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import Visit, unavailable
from tests.browser.test_access import LARGE, PHONE, violations_in
from tests.browser.test_lost import CONTEXTS, LOSE
from web_demo.artifacts import find_artifacts
from web_demo.server import running, serve
from web_demo.verify import verify

PROMPTS = {"char": "to be ,", "word": "to be ,", "shakespeare": "ROMEO:\n"}


@pytest.fixture(scope="module")
def writers(page_folder, learned):
    folders = [model.folder for model in learned.values()]
    with running(serve(find_artifacts(folders), port=0, page=page_folder)) as server:
        yield server


@pytest.fixture
def open_writer(browser, writers):
    visits: list[Visit] = []

    def begin(name: str, backend: str = "wasm", worker_script: str = "", **options) -> Visit:
        visits.append(Visit(browser, writers.url, **options))
        visits[-1].in_workers(worker_script)
        page = visits[-1].open(f"?backend={backend}&model={name}")
        page.wait_for_selector("#backends input")
        if page.locator(f"#backends input[value={backend}]").is_disabled():
            unavailable(f"{backend} is not here")
        page.wait_for_selector(f"body[data-ready={backend}]", timeout=120_000)
        return visits[-1]

    yield begin
    for visit in visits:
        visit.context.close()


def write(page, prompt: str, temperature: float = 0, seed: int = 1, length: int = 50) -> str:
    """The model's continuation of the prompt."""
    page.fill("#prompt", prompt)
    page.fill("#temperature", str(temperature))
    page.fill("#seed", str(seed))
    page.fill("#length", str(length))
    page.click("#write")
    expect(page.locator("#stop")).to_be_disabled()
    return page.evaluate("document.querySelector('#written').lastChild.textContent")


@pytest.mark.parametrize(("name", "backend"), [
    ("char", "wasm"), ("word", "wasm"), ("shakespeare", "wasm"), ("char", "cpu"),
    ("char", "webgl")])
def test_the_first_fifty_greedy_tokens_are_those_of_pytorch(open_writer, learned, name, backend):
    model = learned[name]
    prompt = PROMPTS[name]
    expected = model.write(prompt)
    visitor = open_writer(name, backend)
    page = visitor.page
    assert write(page, prompt) == expected
    assert page.inner_text("#parity").startswith("✓ Same logits as PyTorch")
    unit = {"char": "character", "word": "word"}[model.unit]
    assert re.fullmatch(rf"50 {unit}s, [\d.,]+ per second", page.inner_text("#speed"))
    assert visitor.complaints == []


def test_a_seed_repeats_a_text_and_another_writes_another(open_writer, learned):
    page = open_writer("char").page
    model = learned["char"]
    texts = {seed: write(page, "or ", 1.2, seed, 200) for seed in (7, 8)}
    assert texts[7] != texts[8]
    for seed, text in texts.items():
        assert write(page, "or ", 1.2, seed, 200) == text
        assert text == model.write("or ", 200, 1.2, seed)


def test_a_length_out_of_bounds_is_corrected_visibly(open_writer):
    page = open_writer("word").page
    for asked, held in (("-5", "1"), ("", "100"), ("2.9", "2")):
        page.fill("#length", asked)
        page.click("#write")
        expect(page.locator("#speed")).to_contain_text(re.compile(f"^{held} word"))
        expect(page.locator("#stop")).to_be_disabled()
        assert page.input_value("#length") == held


def test_a_text_without_a_prompt_begins_a_line(open_writer, learned):
    page = open_writer("char").page
    assert write(page, "") == learned["char"].write("")


def test_unknown_words_are_named(open_writer, learned):
    page = open_writer("word").page
    assert write(page, "to zebra\nzebra") == learned["word"].write("to <unk>\n<unk>")
    assert page.inner_text("#unknown") == 'Not in the vocabulary, read as <unk>: "zebra".'
    page.select_option("#model", "char")
    page.wait_for_selector("body[data-ready=wasm]")
    assert write(page, "tXo é") == learned["char"].write("to ")
    assert page.inner_text("#unknown") == 'Not in the vocabulary, ignored: "X", "é".'
    page.fill("#prompt", "ABCDEF")
    assert page.inner_text("#unknown").endswith('"A", "B", "C", "D" and 2 more.')


def test_no_tensors_are_left_behind(open_writer):
    visitor = open_writer("char")
    page, count = visitor.page, "_tfengine.state.numTensors"
    write(page, "to ", 1, 1, 20)
    before = visitor.in_network(count)
    write(page, "to be , or not to be", 1, 1, 300)
    assert visitor.in_network(count) == before


def test_a_long_text_is_streamed_and_can_be_stopped(open_writer):
    page = open_writer("char").page
    page.fill("#length", "10000")
    page.locator("#prompt").press("Control+Enter")
    expect(page.locator("#written")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#written")).to_have_text(re.compile(".{100}", re.DOTALL))
    page.click("#stop")
    expect(page.locator("#written")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#write")).to_be_focused()
    expect(page.locator("#written-spoken")).to_contain_text("Stopped.")
    text = page.inner_text("#written")
    assert 100 < len(text) < 10_000
    page.wait_for_timeout(100)
    assert page.inner_text("#written") == text


def test_another_backend_or_model_ends_a_text(open_writer):
    visitor = open_writer("char")
    page = visitor.page
    page.fill("#length", "10000")
    page.click("#write")
    page.click("#backends input[value=cpu]")
    page.wait_for_selector("body[data-ready=cpu]")
    expect(page.locator("#stop")).to_be_disabled()
    page.click("#write")
    page.select_option("#model", "word")
    page.wait_for_selector("body[data-ready=cpu]")
    assert write(page, "or not", length=5).startswith("to be")
    assert page.locator("#failure").is_hidden() and visitor.complaints == []


def test_a_lost_backend_ends_a_text(open_writer):
    visitor = open_writer("char", "webgl", worker_script=CONTEXTS)
    page = visitor.page
    page.fill("#length", "10000")
    page.click("#write")
    expect(page.locator("#written")).to_have_text(re.compile(".{9}", re.DOTALL), timeout=60_000)
    visitor.in_network(LOSE)
    assert "Switched to WebAssembly" in visitor.failure()
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    expect(page.locator("#stop")).to_be_disabled()
    expect(page.locator("#written-spoken")).to_contain_text("Stopped.")
    assert write(page, "or not", length=5)


def test_a_picture_is_not_swallowed(open_writer, tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "cat.png")
    visitor = open_writer("char")
    visitor.page.set_input_files("#file", tmp_path / "cat.png")
    assert visitor.failure().startswith("cat.png was ignored, because this network generates text")
    # A clipboard with an image in addition to the text for the prompt.
    page = visitor.page
    page.click("#write")
    expect(page.locator("#failure")).to_be_hidden()
    page.locator("#prompt").evaluate("""(prompt) => {
        const data = new DataTransfer();
        data.setData('text/plain', 'to be');
        data.items.add(new File(['no picture'], 'image.png', { type: 'image/png' }));
        prompt.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
    }""")
    page.wait_for_timeout(200)
    assert page.locator("#failure").is_hidden()


def test_text_generation_is_accessible(open_writer):
    visitor = open_writer("word", bypass_csp=True, reduced_motion="reduce", viewport=PHONE)
    page = visitor.page
    write(page, "zebra")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations_in(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= LARGE["width"]
    page.keyboard.press("Escape")
    page.locator("#skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#prompt")).to_be_focused()


def test_the_metadata_of_a_language_model(open_writer, learned):
    facts = open_writer("word").page.inner_text("#facts")
    assert f"{len(learned['word'].vocabulary)} words" in facts and "hidden size 32" in facts


@pytest.mark.parametrize("content", ["[]", "no list", None])
def test_a_damaged_vocabulary(browser, writers, learned, content):
    visitor = Visit(browser, writers.url)
    answer = {"body": content} if content else {"status": 404}
    visitor.page.route("**/vocabulary.json", lambda route: route.fulfill(**answer))
    visitor.open("?model=char")
    assert visitor.failure().startswith("vocabulary.json of char ")
    visitor.context.close()


def test_an_artifact_without_a_vocabulary(browser, page_folder, learned, tmp_path):
    nameless = tmp_path / "nameless"
    shutil.copytree(learned["char"].folder, nameless)
    manifest = json.loads((nameless / "manifest.json").read_text())
    del manifest["files"]["vocabulary.json"]
    (nameless / "manifest.json").write_text(json.dumps(manifest))
    with running(serve(find_artifacts([nameless]), port=0, page=page_folder)) as server:
        visitor = Visit(browser, server.url)
        visitor.open()
        assert "has no vocabulary (vocabulary.json): build it from" in visitor.failure()
        visitor.context.close()
    assert all(row["ok"] for row in verify(nameless, backends=("wasm",)))
