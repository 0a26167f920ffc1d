"""The programs of the page: the text of each runs, and gives the outputs in the fixture."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.browser.conftest import WEB_DEMO, Visit
from tests.browser.test_access import PHONE, violations_in
from tests.browser.test_runtimes import tensors
from web_demo.artifacts import find_artifacts
from web_demo.runtimes import FORMATS, RUNTIMES
from web_demo.server import running, serve
from zoo.system.json_text import dumps

PACKAGES = WEB_DEMO / "node_modules"
#: What the bundler of a visitor does: finds the packages that a program imports.
IMPORTS = {"@litertjs/core": "/packages/@litertjs/core/dist/index.js",
           "@litertjs/wasm-utils": "/packages/@litertjs/wasm-utils/dist/index.js",
           "onnxruntime-web/wasm": "/packages/onnxruntime-web/dist/ort.wasm.min.mjs"}
#: The files that the programs name, by their place next to the page.
COPIED = {"packages/@litertjs/core/dist": ("@litertjs/core/dist", "*.js"),
          "packages/@litertjs/wasm-utils/dist": ("@litertjs/wasm-utils/dist", "*.js"),
          "packages/onnxruntime-web/dist": ("onnxruntime-web/dist", "ort.wasm.min.mjs"),
          "litert": ("@litertjs/core/wasm", "*"),
          "ort": ("onnxruntime-web/dist", "ort-wasm-simd-threaded.[mw]*")}
NETWORKS = ("image", "step", "tensors")


@pytest.fixture(scope="module")
def folders(every_format, tmp_path_factory) -> dict[str, Path]:
    """An artifact of each task, in the format of every runtime."""
    place = tmp_path_factory.mktemp("programs")
    (place / "ids.onnx").write_bytes(tensors().SerializeToString())
    build(find(str(place / "ids.onnx"), BuildOptions()), list(FORMATS), place / "tensors")
    step = find("DARTS_V2_RNN", BuildOptions(weights=Path("shakespeare")))
    build(step, list(FORMATS), place / "step")
    shutil.copytree(every_format, place / "image")
    return {name: place / name for name in NETWORKS}


@pytest.fixture(scope="module")
def url(folders, page_folder, tmp_path_factory):
    page = tmp_path_factory.mktemp("page") / "dist"
    shutil.copytree(page_folder, page, copy_function=shutil.copyfile)
    for place, (package, files) in COPIED.items():
        (page / place).mkdir(parents=True)
        for file in (PACKAGES / package).glob(files):
            shutil.copyfile(file, page / place / file.name)
    with running(serve(find_artifacts(list(folders.values())), port=0, page=page)) as server:
        yield server.url


@pytest.fixture(scope="module")
def programs(browser, url) -> dict[tuple[str, str], str]:
    """The text of each program on the page, by network and program."""
    visit = Visit(browser, url)
    found = {}
    for network in NETWORKS:
        page = visit.ready(query=f"&model={network}&panel=code")
        for tab in page.locator("#code [role=tab]").all():
            tab.click()
            text = page.locator("#program pre").text_content()
            found[network, tab.get_attribute("data-program")] = text
    assert visit.complaints == []
    visit.context.close()
    assert found.keys() == {(network, program) for network in NETWORKS
                            for program in (*RUNTIMES, "python")}
    return found


def agree(folder: Path, outputs: dict[str, list]) -> None:
    """Compare the outputs with those of the first case in the fixture, within the limits."""
    manifest = json.loads((folder / "manifest.json").read_text())
    count = manifest["fixture"]["count"]
    values = np.fromfile(folder / manifest["fixture"]["logits"], "<f4")
    gives = manifest["gives"] or [
        {"name": "logits", "shape": [None, values.size // count], "dtype": "float32"}]
    for output in gives:
        whole = [count, *output["shape"][1:]]
        size = int(np.prod(whole))
        expected, values = values[:size].reshape(whole)[0], values[size:]
        found = np.array(outputs[output["name"]], "<f4").reshape(expected.shape)
        scale = max(1, np.abs(expected).max())
        assert np.abs(found - expected).max() <= 1e-4 * scale, output["name"]
    assert values.size == 0


@pytest.mark.parametrize("network", NETWORKS)
def test_python(programs, folders, network, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(programs[network, "python"] + """
import json, sys
print(json.dumps({name: values.tolist() for name, values in outputs.items()}), file=sys.stderr)
""")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True,
                          timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    agree(folders[network], json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("network", NETWORKS)
def test_tensorflow_js_in_node(programs, folders, network, tmp_path):
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    for file in (PACKAGES / "@tensorflow/tfjs-backend-wasm/dist").glob("*.wasm"):
        shutil.copy(file, tmp_path)
    program = tmp_path / "program.mjs"
    program.write_text(programs[network, "tfjs"] + """
const found = {};
for (const [name, tensor] of Object.entries(outputs)) {
    found[name] = Array.from(await tensor.data(), Number);
}
process.stderr.write(`\\n${JSON.stringify(found)}`, () => process.exit());
""")
    node = shutil.which("node")
    assert node
    done = subprocess.run([node, "--preserve-symlinks", str(program)], capture_output=True,
                          text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    agree(folders[network], json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("program", ["litert", "ort-web"])
def test_in_a_page_of_its_own(browser, url, programs, folders, network, program):
    """Next to the artifact, with the copied folders that the program names."""
    visit = Visit(browser, url)
    visit.page.route("**/program.html", lambda route: route.fulfill(
        content_type="text/html",
        body=f'<script type="importmap">{dumps({"imports": IMPORTS})}</script>'
             '<script type="module" src="program.js"></script>'))
    visit.page.route("**/program.js", lambda route: route.fulfill(
        content_type="text/javascript", body=programs[network, program] + """
window.found = {};
for (const [name, tensor] of Object.entries(outputs)) {
    window.found[name] = Array.from(await (tensor.getData ?? tensor.data).call(tensor), Number);
}
window.done = true;
"""))
    visit.page.goto(f"{url}program.html")
    visit.page.wait_for_function("window.done", timeout=60_000)
    agree(folders[network], visit.page.evaluate("found"))
    visit.context.close()


def test_the_copy_button_and_an_export_without_a_format(visit):
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.ready()
    page.click("#code summary")
    page.click("#code-copy")
    expect(page.locator("#code [role=status]")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "tf.setBackend" in copied and copied == page.locator("#program pre").text_content()
    page.keyboard.press("Shift+Tab")  # the program, which scrolls
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#program-tfjs")).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator("#program-python")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#program")).to_contain_text(
        "Python does not run this export: build it again with zoo build DARTS --export onnx.")
    expect(page.locator("#code-copy")).to_be_disabled()
    # The program follows the page.
    page.click("#program-tfjs")
    page.click("#backends input[value=cpu]")
    expect(page.locator("#program pre")).to_contain_text("tf.setBackend('cpu')", timeout=60_000)
    assert visitor.complaints == []


def test_it_is_accessible_and_nothing_overflows(visit, formats_server):
    visitor = visit(url=formats_server.url, bypass_csp=True, reduced_motion="reduce",
                    viewport=PHONE)
    page = visitor.ready(query="&panel=code")
    expect(page.locator("#program pre")).to_contain_text("setBackend")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations_in(page) == []
