"""The head of a static site: title, card for links, and the service worker that it gets."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import zoo
from web_demo.artifacts import find_artifacts
from web_demo.preview import HEIGHT, PICTURE, WIDTH
from web_demo.raster import card, fitted
from web_demo.site import build_site
from zoo.cli import app
from zoo.plotting.cell import svg

#: Drawings of every kind.
CELLS = ["DARTS_V2", "NASNet_A", "DARTS_V2_RNN", "NB201_best_cifar10"]


def metas(html: str) -> dict[str, str]:
    return {name: content for _, name, content in
            re.findall(r'<meta (property|name)="([^"]+)" content="([^"]*)"', html)}


def test_the_title_and_the_card(artifact, page_folder, tmp_path):
    found = find_artifacts([artifact])
    site = build_site(found, tmp_path / "one", page_folder, url="https://example.org/cells")
    html = (site / "index.html").read_text()
    assert "<title>DARTS-digits · genotype-zoo</title>" in html and html.count("<title>") == 1
    card = metas(html)
    assert card["og:title"] == card["twitter:title"] == "DARTS-digits"
    assert "99.7%" in card["og:description"] and card["og:url"] == "https://example.org/cells/"
    assert card["og:image"] == card["twitter:image"] == "https://example.org/cells/preview.png"
    assert Image.open(site / PICTURE).size == (WIDTH, HEIGHT)
    # Without an address; names are text, not markup.
    manifest = json.loads((artifact / "manifest.json").read_text())
    named = {}
    for number in range(5):
        folder = tmp_path / "exports" / str(number)
        shutil.copytree(artifact, folder)
        (folder / "manifest.json").write_text(json.dumps(
            {**manifest, "name": f'<b>"{number}"'}))
        named[str(number)] = folder
    html = (build_site(named, tmp_path / "five", page_folder) / "index.html").read_text()
    assert metas(html)["og:image"] == "./preview.png" and "og:url" not in metas(html)
    assert "&lt;b&gt;&quot;0&quot;, " in html and "and 2 more ·" in html
    assert "<b>" not in html.split("</head>")[0]


@pytest.mark.parametrize("name", CELLS)
def test_the_picture_shows_the_cell(name):
    """Every part has its place: the picture has the colors of the drawing, and a white margin."""
    genotype = zoo.genotype(name)
    drawn = svg(genotype, name)
    pixels = np.asarray(Image.open(io.BytesIO(card(name, "", drawn, (WIDTH, HEIGHT)))))
    below = pixels[210:]
    used = set(re.findall(r'<rect [^>]*fill="(#[0-9a-f]{6})"', drawn))
    colors = {tuple(color) for color in below.reshape(-1, 3).tolist()}
    for one in used:
        assert tuple(bytes.fromhex(one[1:])) in colors, one
    for edge in (below[-15:], below[:, :40], below[:, -40:]):
        assert (edge == 255).all()


def test_a_drawing_that_is_not_one_is_left_out():
    blank = card("a", "b", None, (WIDTH, HEIGHT))
    assert card("a", "b", "<svg", (WIDTH, HEIGHT)) == blank


def test_long_names_are_cut():
    assert fitted("a" * 500, 20, 200).endswith("...") and len(fitted("a" * 500, 20, 200)) < 40


def test_the_worker_lists_the_page_without_networks_and_runtimes(artifact, page_folder, tmp_path):
    site = build_site(find_artifacts([artifact]), tmp_path / "site", page_folder)
    first, script = (site / "sw.js").read_text().split("\n", 1)
    listed = json.loads(first.removeprefix("self.site = ").removesuffix(";"))
    assert script == (page_folder / "sw.js").read_text()
    assert {"index.html", "icon.svg", "site.webmanifest"} < set(listed["core"])
    assert not [file for file in listed["core"] if re.search(r"wasm|^models|^pictures|^sw", file)]
    runtimes = json.loads((page_folder / "code.json").read_text()).values()
    assert not set(listed["core"]) & {file for files in runtimes for file in files}
    # The page with all its rooms; any runtime is larger.
    assert sum((site / file).stat().st_size for file in listed["core"]) < 200_000
    assert "<html data-offline" in (site / "index.html").read_text()
    # The version follows the contents.
    again = build_site(find_artifacts([artifact]), tmp_path / "again", page_folder)
    assert (again / "sw.js").read_text() == (site / "sw.js").read_text()
    other = build_site(find_artifacts([artifact]), tmp_path / "other", page_folder,
                       url="https://example.org/")
    assert (other / "sw.js").read_text() != (site / "sw.js").read_text()


def test_the_switch_that_ends_offline_visits(artifact, page_folder, tmp_path):
    done = CliRunner().invoke(app, ["demo", str(artifact), "--build", str(tmp_path / "site"),
                                    "--no-offline"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "site/sw.js").read_text() == (page_folder / "sw.js").read_text()
    assert "data-offline" not in (tmp_path / "site/index.html").read_text()


@pytest.mark.parametrize(("options", "said"), [
    (["--url", "https://example.org/"], "are for static sites: add --build SITE"),
    (["--no-offline"], "are for static sites: add --build SITE"),
    (["--build", "site", "--url", "ftp://example.org"],
     "ftp://example.org is not the address of a site: it begins with https://"),
])
def test_options_that_do_not_fit(artifact, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["demo", str(artifact), *options])
    assert done.exit_code != 0 and said in (done.output + str(done.exception))
    assert not Path("site").exists()
