"""Networks from files of the visitor: exports, and files of other tools."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from playwright.sync_api import expect

from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.browser.conftest import Visit
from tests.browser.test_access import PHONE, violations_in
from tests.browser.test_race import enter, finish, row
from tests.browser.test_runtimes import model, node, tensors, weight
from tests.browser.test_tensors import cells


@pytest.fixture(scope="module")
def ids(tmp_path_factory) -> Path:
    """An export of tensors in every format."""
    place = tmp_path_factory.mktemp("dropped")
    (place / "ids.onnx").write_bytes(tensors().SerializeToString())
    build(find(str(place / "ids.onnx"), BuildOptions()), ["tfjs", "tflite", "onnx"], place / "ids")
    return place / "ids"


def packed(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in sorted(folder.rglob("*")):
            zipped.write(file, f"{folder.name}/{file.relative_to(folder).as_posix()}")
    return archive


def drop(page, *paths: Path) -> None:
    """Drop files or folders on the page, as from the desktop."""
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {
            "type": kind, "x": 200, "y": 300,
            "data": {"items": [], "files": list(map(str, paths)), "dragOperationsMask": 1}})


def opened(page, name: str, backend: str = "wasm") -> None:
    expect(page.locator("#model option:checked")).to_have_text(f"{name} (opened)", timeout=60_000)
    page.wait_for_selector(f"body[data-ready={backend}]", timeout=60_000)
    expect(page.locator("#parity")).to_contain_text("✓")


def test_a_zip_of_an_export_is_like_a_served_model(visit, every_format, tmp_path):
    visitor = visit()
    page = visitor.ready()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    archive = packed(every_format, tmp_path / "mine.zip")
    page.set_input_files("#open-input", archive)
    opened(page, json.loads((every_format / "manifest.json").read_text())["name"])
    expect(page.locator("#parity")).to_contain_text("Same logits as PyTorch")
    page.locator("#samples button").nth(6).click()
    assert visitor.answer() == "6"
    assert page.locator("#cell").evaluate(
        "async (image) => { await image.decode(); return image.naturalWidth; }") > 0
    page.click("#runtimes input[value=litert]")
    page.wait_for_selector("body[data-runtime=litert][data-ready]", timeout=60_000)
    expect(page.locator("#parity")).to_contain_text("✓")
    page.click("#code summary")
    expect(page.locator("#program")).to_contain_text("the opened files are only on this device")
    assert not [url for url in requested if "/opened/" in url and not url.startswith("blob:")]
    assert visitor.complaints == []


def test_a_dropped_folder(visit, ids):
    visitor = visit()
    page = visitor.ready()
    drop(page, ids)
    opened(page, "ids")
    expect(page.locator("#parity")).to_contain_text("Same outputs as ONNX Runtime")
    page.go_back()  # to the model before
    expect(page.locator("#looking")).to_be_visible()
    page.go_forward()
    opened(page, "ids")
    assert visitor.complaints == []


@pytest.fixture(scope="module")
def picture_model(tmp_path_factory) -> Path:
    """A convolution over color pictures of any size, channels first, and a mean of each map."""
    graph = model([node("Conv", "image w", "maps", pads=[1, 1, 1, 1]),
                   node("ReduceMean", "maps", "scores", axes=[2, 3], keepdims=0)],
                  {"image": ["batch", 3, "height", "width"]}, ["scores"],
                  {"w": weight(4, 3, 3, 3)})
    file = tmp_path_factory.mktemp("picture") / "picture.onnx"
    file.write_bytes(graph.SerializeToString())
    return file


def test_a_bare_onnx_file_takes_a_picture(visit, picture_model):
    visitor = visit()
    page = visitor.ready()
    drop(page, picture_model)
    opened(page, "picture.onnx")
    assert page.locator("#runtimes input").count() == 1
    expect(page.locator("#parity")).to_contain_text("Same outputs as its first run on WebAssembly")
    expect(page.locator("#notes")).to_contain_text(
        "Input image: the picture of a cat, from 0 to 1, 1 × 3 × 64 × 64")
    expect(page.locator("#notes")).to_contain_text("Output scores: ")
    assert cells(page, "takes") == [["image", "float32", "batch × 3 × 64 × 64"]]
    expect(page.locator("#times")).to_contain_text("ms")
    expect(page.locator("#code")).to_be_hidden()
    enter(page, ["ort-web:wasm"])
    finish(page)
    assert "✓ difference" in row(page, "ort-web:wasm").inner_text()
    assert visitor.complaints == []


@pytest.mark.parametrize(("files", "name", "runtime"), [
    (["tflite/model.tflite"], "model.tflite", "litert"),
    (["onnx/model.onnx"], "model.onnx", "ort-web"),
    (["tfjs/model.json", "tfjs/group1-shard1of1.bin"], "model", "tfjs"),
])
def test_bare_files_of_each_runtime(visit, ids, files, name, runtime):
    """Integers and booleans among the inputs, and outputs of every type."""
    visitor = visit()
    page = visitor.ready()
    page.set_input_files("#open-input", [ids / file for file in files])
    opened(page, name)
    assert page.get_attribute("body", "data-runtime") == runtime
    names = [line.split()[0] for line in page.locator("#gives tr").all_inner_texts()]
    assert sorted(names) == ["above", "best", "features"]
    assert "random values" in page.inner_text("#notes")
    assert visitor.complaints == []


def test_the_outputs_of_a_bare_file_are_those_of_onnx_runtime(visit, ids, tmp_path):
    """The page runs zeros and ones; so does the reference, with the values that it shows."""
    visitor = visit()
    page = visitor.ready()
    page.set_input_files("#open-input", ids / "onnx" / "model.onnx")
    opened(page, "model.onnx")
    with page.expect_download() as download:
        page.click("#files a:has-text('fixtures/input.bin')")
    values = np.fromfile(download.value.path(), "<f4").reshape(3, 1, 5)
    with page.expect_download() as download:
        page.click("#files a:has-text('fixtures/outputs.bin')")
    found = np.fromfile(download.value.path(), "<f4")
    session = onnxruntime.InferenceSession(ids / "onnx" / "model.onnx")
    kinds = {"ids": np.int64, "mask": np.float32, "wanted": np.bool_}
    names = [one.name for one in session.get_inputs()]
    given = {name: one.astype(kinds[name]) for name, one in zip(names, values)}
    wanted = np.concatenate([np.asarray(one).ravel() for one in session.run(None, given)])
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert 0 < values[1].min() < values[1].max() < 1


def damaged_export(every_format: Path, place: Path) -> list[Path]:
    folder = place / "damaged"
    shutil.copytree(every_format, folder)
    file = folder / "onnx" / "model.onnx"
    file.write_bytes(b"x" * file.stat().st_size)
    return [packed(folder, place / "damaged.zip")]


def written(name: str, content: bytes):
    def make(every_format: Path, place: Path) -> list[Path]:
        (place / name).write_bytes(content)
        return [place / name]
    return make


def zipped(*names: str):
    def make(every_format: Path, place: Path) -> list[Path]:
        with zipfile.ZipFile(place / "some.zip", "w") as archive:
            for name in names:
                archive.writestr(name, b"{}")
        return [place / "some.zip"]
    return make


@pytest.mark.parametrize(("make", "said"), [
    (damaged_export, "onnx/model.onnx of .* does not match its sha256"),
    (written("a.zip", b"PK no"), r"a\.zip is damaged or is not a zip file"),
    (written("a.onnx", b"no"), "could not load the network on wasm"),
    (written("a.tflite", b"no network"), "could not load the network on wasm|failed"),
    (written("model.json", b"{"), r"model\.json is not JSON"),
    (written("model.json", b'{"format": "layers-model"}'), "is a Keras layers model"),
    (written("model.json", b'{"weightsManifest": [{"paths": ["a.bin"]}]}'),
     r"a\.bin, which model\.json names, is missing"),
    (written("notes.txt", b"notes"), r"notes\.txt has no network"),
    (zipped("../a.onnx"), r'the path "\.\./a\.onnx", which leaves its folder'),
    (zipped("/etc/a.onnx"), "which leaves its folder"),
    (zipped("a.onnx", "b.onnx"), r"There are 2 networks \(a\.onnx, b\.onnx\)"),
    (zipped("x/manifest.json"), "does not have format version 1"),
    (zipped("a.txt"), r"a\.txt has no network"),
])
def test_what_cannot_be_opened_is_told_and_the_open_network_stays(refused, every_format, make, said,
                                                                  tmp_path):
    visitor = refused
    page = visitor.page
    page.set_input_files("#open-input", make(every_format, tmp_path))
    expect(page.locator("#failure")).to_have_text(re.compile(said), timeout=60_000)
    assert "\n" not in page.inner_text("#failure")
    page.locator("#samples button").nth(4).click()
    expect(page.locator("#failure")).to_be_hidden()
    assert visitor.answer() == "4" and page.locator("#model option").count() == 1
    page.locator("#samples button").nth(5).click()
    assert visitor.answer() == "5"


@pytest.fixture(scope="module")
def refused(browser, server):
    """One page for all files that are refused."""
    visitor = Visit(browser, server.url)
    visitor.ready()
    yield visitor
    visitor.context.close()


def test_too_large(visit):
    """Only its size is looked at."""
    page = visit().ready()
    page.evaluate("""() => {
        const large = new File(['x'], 'large.onnx');
        Object.defineProperty(large, 'size', { value: 5e9 });
        const input = document.querySelector('#open-input');
        Object.defineProperty(input, 'files', { value: [large], configurable: true });
        input.dispatchEvent(new Event('change'));
    }""")
    expect(page.locator("#failure")).to_have_text(
        "large.onnx has 5000.00 MB, and this page opens at most 1000.00 MB: run it from your own "
        "code.")


def test_pictures_are_still_classified(visit, tmp_path):
    visitor = visit()
    page = visitor.ready()
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    drop(page, tmp_path / "black.png")
    assert visitor.answer() != "–"
    assert page.locator("#model option").count() == 1


def test_it_is_accessible_and_nothing_overflows(visit, picture_model):
    visitor = visit(bypass_csp=True, reduced_motion="reduce", viewport=PHONE)
    page = visitor.ready()
    with page.expect_file_chooser() as chooser:
        page.focus("#open")
        page.keyboard.press("Enter")
    chooser.value.set_files(picture_model)
    opened(page, "picture.onnx")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations_in(page) == []
