"""Inside the cell: operations, feature maps, the way of the picture, the answer without edges."""

from __future__ import annotations

import hashlib
import json
import re
from html import escape

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

import zoo
from export.network.inspected import places
from export.pipeline import build
from export.sources.cell import from_model
from tests.browser.test_access import MODES, PHONE, violations_in
from tests.browser.test_load import with_manifest
from tests.export.conftest import images_of, trained_looking
from tests.export.test_hierarchical import MOTIFS
from tests.export.test_inspection import operations
from web_demo.artifacts import find_artifacts
from web_demo.server import running, serve
from zoo import weights
from zoo.genotypes.conv import CONV_OPERATIONS
from zoo.genotypes.hierarchical import PRIMITIVES
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS
from zoo.genotypes.recurrent import RECURRENT_OPERATIONS

SPACES = {"nasbench201": zoo.genotype("NB201_best_cifar10"), "hierarchical": MOTIFS}
FIRST = "sep_conv_3x3 from c_k-1 to node 2"


def enter(visitor, sample: int | None = 3):
    """Open the section with a sample on the page."""
    page = visitor.ready()
    if sample is not None:
        page.locator("#samples button").nth(sample).click()
        visitor.answer()
    page.click("#inside > summary")
    expect(page.locator("#inside-panel h3").first).to_have_text(FIRST, timeout=60_000)
    return page


def part(page, name: str):
    return page.locator("#inside-panel").get_by_role("button", name=name, exact=True)


def shown(page, cell: int, name: str, removed: int) -> None:
    """Wait for the maps of a part."""
    page.wait_for_selector(f'#inside-panel[data-shown="{cell} {name} {removed}"]', timeout=60_000)


def without_graph(visitor, artifact) -> None:
    files = json.loads((artifact / "manifest.json").read_text())["files"]
    with_manifest(visitor, artifact, files={
        name: file for name, file in files.items() if not name.startswith("inspect/")})


def test_an_edge_is_shown_and_removed(visit, artifact):
    """The maps of an edge, and the probabilities of PyTorch with the edge zeroed."""
    visitor = visit()
    loaded: list[str] = []
    visitor.page.on("request", lambda request: loaded.append(request.url))
    page = visitor.ready()
    assert not any("/inspect/" in url for url in loaded)  # until it is opened
    page = enter(visitor)
    assert any("/inspect/model.json" in url for url in loaded)
    name = "skip_connect from c_k-2 to node 3"
    part(page, name).click()
    shown(page, 0, name, 0)
    assert page.locator(".channels").count() == 2
    assert page.locator(".channels canvas").count() == 2 * 12
    before, after = (page.locator(".channels").nth(i).locator("canvas").first.evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 8, 8).data]")
        for i in range(2))
    assert before == after and len(set(before)) > 10  # a skip connection
    page.click("#inside-remove-all")
    shown(page, 0, name, 6)
    expect(part(page, f"{name}, removed")).to_have_count(1)
    model, manifest = weights.load_artifact(artifact)
    pixels = np.fromfile(artifact / manifest.fixture.input, "<f4").reshape(-1, 1, 8, 8)[3:4]
    scaled = (pixels / 255 - manifest.input.mean[0]) / manifest.input.std[0]
    for cell in model.cells:
        if not cell.reduction:
            cell._ops[2].register_forward_hook(lambda *call: torch.zeros_like(call[-1]))
    with torch.no_grad():
        expected = model(torch.from_numpy(scaled.astype("f4"))).softmax(1)[0]
    row = page.locator(".shares tbody tr:has(th:text-is('3')) .value").nth(1)
    assert float(row.inner_text().removesuffix(" %")) == pytest.approx(
        100 * float(expected[3]), abs=0.051)
    page.click("#inside-restore")
    shown(page, 0, name, 0)
    values = page.locator(".shares .value").all_inner_texts()
    assert values[::2] == values[1::2]
    assert visitor.complaints == []


def test_the_cells_of_the_network(visit):
    """The slider by keyboard, a node by Enter, another picture, and the pictures on their way."""
    visitor = visit()
    page = enter(visitor, None)
    expect(page.locator(".inside-maps")).to_contain_text("Draw something or choose a sample")
    page.locator("#inside-cell").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#inside-cell")).to_have_attribute("aria-valuetext", "3 of 8, reduction")
    expect(page.locator("#inside-panel h3").first).to_have_text("max_pool_3x3 from c_k-2 to node 2")
    expect(page.locator(".inside-part p").first).to_contain_text("steps of 2 pixels")
    expect(part(page, FIRST)).to_be_hidden()
    part(page, "node 4").focus()
    page.keyboard.press("Enter")
    page.locator("#samples button").nth(5).click()
    shown(page, 2, "node 4", 0)
    expect(page.locator(".inside-maps")).to_contain_text("4 × 4")
    page.click("#inside-play")
    token = page.locator(".inside-drawing canvas").first
    expect(token).to_be_visible()
    expect(page.locator("#inside-cell")).to_have_attribute(
        "aria-valuetext", "4 of 8, normal", timeout=30_000)
    page.click("#inside-play")
    expect(token).to_have_count(0)
    assert visitor.complaints == []


def test_it_is_accessible(visit):
    visitor = visit(bypass_csp=True, reduced_motion="reduce")
    page = enter(visitor)
    page.click("#inside-remove")
    shown(page, 0, FIRST, 1)
    assert violations_in(page, MODES[::3]) == []
    page.click("#inside-play")  # shows all at once
    expect(page.locator(".inside-drawing canvas")).to_have_count(6)
    expect(page.locator("#inside-play")).to_have_text("Play")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_the_graph(visit, artifact):
    """A click on the drawing opens the section, whose kernel moves; it names the command."""
    visitor = visit()
    without_graph(visitor, artifact)
    page = visitor.ready()
    page.click("#cell")
    expect(page.locator("#inside-panel > .help")).to_contain_text(
        "zoo build DARTS --export tfjs --inspect")
    expect(page.locator(".inside-part p").first).to_contain_text("3 × 3 filter")
    expect(page.locator("#inside-remove")).to_be_hidden()
    kernel = "document.querySelector('.kernel canvas').toDataURL()"
    first = page.evaluate(kernel)
    page.wait_for_function(f"(first) => {kernel} !== first", arg=first)
    page.emulate_media(reduced_motion="reduce")
    part(page, "skip_connect from c_k-2 to node 3").click()
    expect(page.locator(".inside-part p").first).to_have_text("The map passes unchanged.")
    expect(page.locator(".kernel figcaption")).to_have_text("copy")
    assert visitor.complaints == []


def test_every_operation_has_a_sentence(visit, artifact):
    """Also in a drawing with other elements, which are left out."""
    names = list(dict.fromkeys([*CONV_OPERATIONS, *PRIMITIVES, *NASBENCH201_OPERATIONS,
                                *RECURRENT_OPERATIONS, "motif_1"]))
    edges = [f"<rect data-edge='{number} c_k-2 2' x='0' y='{9 * number}' width='60' height='8'/>"
             f"<text x='30' y='{9 * number}'>{escape(name)}</text>"
             for number, name in enumerate(names)]
    drawing = ("<svg xmlns='http://www.w3.org/2000/svg'><script>window.bad = 1</script>"
               "<g data-cell='normal' transform='translate(1 2)' onclick='window.bad = 1'>"
               f"{''.join(edges)}<rect data-node='2' x='90' y='0' width='9' height='9'/>"
               "<text>2</text></g></svg>")
    files = json.loads((artifact / "manifest.json").read_text())["files"]
    files = {name: file for name, file in files.items() if not name.startswith("inspect/")}
    files["cell.svg"] = {"sha256": hashlib.sha256(drawing.encode()).hexdigest(),
                         "bytes": len(drawing)}
    visitor = visit()
    with_manifest(visitor, artifact, files=files)
    visitor.page.route("**/cell.svg", lambda route: route.fulfill(
        body=drawing, content_type="image/svg+xml"))
    page = visitor.ready()
    page.click("#inside > summary")
    sentences = {}
    for name in names:
        part(page, f"{name} from c_k-2 to node 2").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#inside-panel h3").first).to_have_text(f"{name} from c_k-2 to node 2")
        sentences[name] = page.locator(".inside-part p").first.inner_text()
    assert not [name for name, text in sentences.items() if "no description" in text]
    assert page.evaluate("window.bad") is None


def test_a_drawing_of_an_earlier_version(visit, artifact):
    drawing = "<svg xmlns='http://www.w3.org/2000/svg'><g><rect/></g></svg>"
    files = json.loads((artifact / "manifest.json").read_text())["files"]
    files["cell.svg"] = {"sha256": hashlib.sha256(drawing.encode()).hexdigest(),
                         "bytes": len(drawing)}
    visitor = visit()
    with_manifest(visitor, artifact, files=files)
    visitor.page.route("**/cell.svg", lambda route: route.fulfill(
        body=drawing, content_type="image/svg+xml"))
    page = visitor.ready()
    page.click("#inside > summary")
    expect(page.locator("#inside-panel > .help")).to_contain_text(
        "earlier version: build the artifact")


@pytest.fixture(scope="module")
def spaces(tmp_path_factory, page_folder):
    """A server with the graphs of a NAS-Bench-201 and a hierarchical cell; and their folders."""
    top = tmp_path_factory.mktemp("spaces")
    spec = images_of(8, channels=1).model_copy(update={"data": "digits"})
    for name, genotype in SPACES.items():
        model = trained_looking(genotype, in_channels=1, layers=3)
        with torch.no_grad():  # standardized logits, so that every edge matters
            deviation, mean = torch.std_mean(model(torch.randn(64, 1, 8, 8)), 0)
            model.classifier.bias.sub_(mean).div_(deviation)
            model.classifier.weight.div_(deviation[:, None])
        build(from_model(model, name, spec), ["tfjs"], top / name, inspect=True)
    with running(serve(find_artifacts([top]), port=0, page=page_folder)) as server:
        yield server.url, top


@pytest.mark.parametrize("name, cell, number, edge", [
    ("nasbench201", "cell", 3, "skip_connect from node 0 to node 3"),
    ("hierarchical", "cell", 2, "motif_3 from node 1 to node 2"),
    ("hierarchical", "motif_3", 0, "dep_conv_3x3_relu from node 0 to node 1"),
])
def test_cells_of_other_spaces(visit, spaces, name, cell, number, edge):
    """Without an edge of every cell of a kind, the page answers like PyTorch."""
    url, top = spaces
    visitor = visit(url=url)
    page = visitor.ready(query=f"&model={name}&sample=1&panel=inside")
    expect(page.locator("#inside-panel h3").first).to_have_text(re.compile("node"), timeout=60_000)
    model, manifest = weights.load_artifact(top / name)
    assert page.locator("#inside-cell").get_attribute("max") == str(len(places(model)))
    at = 0
    if cell.startswith("motif"):
        part(page, f"{cell} from node 1 to node 2").click()
        page.focus("#inside-enter")
        page.keyboard.press("Enter")
        expect(page.locator("#inside-leave")).to_be_focused()
        at = next(i for i, each in enumerate(places(model)) if each.module.title == cell)
        expect(page.locator("#inside-cell")).to_have_attribute(
            "aria-valuetext", f"{at + 1} of {len(places(model))}, {cell}, node 1 to 2 of cell 1")
    part(page, edge).click()
    shown(page, at, edge, 0)
    assert page.locator(".channels").count() == 2
    count = 0
    for module, _ in places(model):
        if module.title == cell:
            operations(module)[number].register_forward_hook(
                lambda *call: torch.zeros_like(call[-1]))
            count += 1
    page.click("#inside-remove-all")
    shown(page, at, edge, count)
    pixels = np.fromfile(top / name / manifest.fixture.input, "<f4").reshape(-1, 1, 8, 8)[:1]
    scaled = (pixels / 255 - manifest.input.mean[0]) / manifest.input.std[0]
    with torch.no_grad():
        expected = 100 * model(torch.from_numpy(scaled.astype("f4"))).softmax(1)[0].numpy()
    for row in page.locator(".shares tbody tr").all():
        label, whole, now = row.locator("th, .value").all_inner_texts()
        assert float(now.removesuffix(" %")) == pytest.approx(
            expected[manifest.labels.index(label)], abs=0.051)
    assert page.locator(".shares .value").all_inner_texts()[::2] != page.locator(
        ".shares .value").all_inner_texts()[1::2]
    if at:
        page.click("#inside-leave")
        expect(page.locator("#inside-enter")).to_be_focused()
        expect(page.locator("#inside-panel h3").first).to_have_text(f"{cell} from node 1 to node 2")
    assert visitor.complaints == []


def test_an_edge_without_effect(visit, spaces):
    """A drawn edge on no path to the output has no maps, and cannot be removed."""
    visitor = visit(url=spaces[0], bypass_csp=True, reduced_motion="reduce")
    page = visitor.ready(query="&model=hierarchical&sample=1&panel=inside")
    part(page, "motif_4 from node 0 to node 2").click(timeout=60_000)
    expect(page.locator(".inside-part p").first).to_contain_text("so the network leaves it out")
    expect(page.locator("#inside-remove")).to_be_disabled()
    shown(page, 0, "motif_4 from node 0 to node 2", 0)
    assert violations_in(page, MODES[::3]) == []
    page.click("#inside-play")
    expect(page.locator(".inside-drawing canvas")).to_have_count(4)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visitor.complaints == []
