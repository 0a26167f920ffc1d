"""The documentation: tables cover the registries, links work, the site builds."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from export.formats.base import CONVERTERS, FORMATS
from export.runtimes.base import RUNTIMES
from search.strategies import STRATEGIES
from tests.docs.apart import apart
from zoo.cli import COMMANDS
from zoo.data.images import NAMES
from zoo.data.text import TEXT_NAMES
from zoo.genotypes.conv import CONV_OPERATIONS
from zoo.genotypes.hierarchical import PRIMITIVES
from zoo.genotypes.recurrent import RECURRENT_OPERATIONS
from zoo.recipes.image import RECIPES, Recipe
from zoo.recipes.language import LanguageRecipe
from zoo.scores import SCORES

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
pytest.importorskip("mkdocs")


def _hooks():
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs/hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hooks = _hooks()


@pytest.mark.parametrize("table, names", [
    ("operations", CONV_OPERATIONS), ("recurrent_operations", RECURRENT_OPERATIONS),
    ("primitives", PRIMITIVES), ("images", NAMES), ("texts", TEXT_NAMES),
    ("image_recipes", RECIPES), ("image_recipes", Recipe.names()),
    ("language_recipes", TEXT_NAMES), ("language_recipes", LanguageRecipe.names()),
    ("strategies", STRATEGIES), ("formats", FORMATS), ("converters", CONVERTERS),
    ("runtimes", RUNTIMES), ("commands", COMMANDS), ("api", zoo.__all__),
    ("scores", SCORES), ("close_cells", ["NASNet_A", "NASNet_A_google"]),
    ("cells", ["DARTS", "NASNet", "FOUND_1", "DARTS_V2_RNN"])])
def test_a_table_covers_its_registry(table, names):
    made = hooks.TABLES[table]()
    for name in names:
        assert re.search(rf"(?<!\w){re.escape(name)}(?!\w)", made), name


def test_recipes_have_a_column_per_preset():
    head = hooks.TABLES["image_recipes"]().splitlines()[0]
    for data, presets in RECIPES.items():
        for preset in presets:
            assert f"{data} `{preset}`" in head


def test_a_new_format_is_in_the_table(monkeypatch):
    monkeypatch.setitem(FORMATS, "mine", FORMATS["tflite"])
    assert "`mine`" in hooks.TABLES["formats"]()


def test_every_table_is_on_one_page():
    named = [name for page in PAGES for name in
             re.findall(r"<!-- made: (\w+) -->", page.read_text(encoding="utf-8"))]
    assert sorted(named) == sorted(hooks.TABLES)


def test_a_drawing_shows_kernel_dilation_stride_and_order():
    drawing = hooks.operations.__globals__["svg"]("dil_conv_5x5")
    assert drawing.count("<rect") == 25 + 1  # the depthwise filter and the pointwise one
    words = re.findall(r">([^<>]+)</text>", drawing)
    assert words == ["ReLU", "depthwise 5×5", "dilation 2", "stride s", "1×1", "batch-norm"]


# --- links ----------------------------------------------------------------------------------


def _expanded(page: Path) -> str:
    """A page as mkdocs reads it, without code."""
    text = page.read_text(encoding="utf-8")
    if page.parent.name == "docs":
        text = hooks.on_page_markdown(text)
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def _anchors(page: Path) -> set[str]:
    from markdown.extensions.toc import slugify

    titles = re.findall(r"^#+ (.+)$", _expanded(page), re.MULTILINE)
    return {slugify(re.sub(r"[`*]", "", title), "-") for title in titles}


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES],
                         ids=lambda page: page.name)
def test_relative_links_work(page):
    generated = {"DARTS_V2.svg", *(path.name for path in (ROOT / "examples").iterdir())}
    for link in re.findall(r"\]\(([^)\s]+)\)", _expanded(page)):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file() or name in generated, link
        if anchor:
            assert anchor in _anchors(target), link


# --- the site -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "-d", folder],
                           cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.xdist_group("site")
def test_the_site_contacts_no_other_host(site):
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.glob("*.html")}
    assert {page.with_suffix(".html").name for page in PAGES} <= pages.keys()
    for name, text in pages.items():
        assert "<!-- made:" not in text
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"?([^\" >]+)", text)
        loaded += re.findall(r"<link[^>]* href=\"?([^\" >]+)", text)
        assert not [address for address in loaded if re.match("https?:|//", address)], name
    assert not list(site.rglob("*.py"))
    # `make docs` builds the demo next to the pages.
    assert 'href="demo/index.html"' in pages["browser.html"]
    assert "--build site/demo" in (ROOT / "Makefile").read_text()


@pytest.mark.xdist_group("site")
def test_the_search_works_in_a_site_opened_as_files(site):
    apart(search_in, site)


def search_in(site):
    from playwright.sync_api import sync_playwright

    from web_demo.chromium import RuntimeMissing, launch

    with sync_playwright() as playwright:
        try:
            page = launch(playwright).new_page(viewport={"width": 1280, "height": 900})
        except RuntimeMissing as error:
            pytest.skip(str(error))
        page.goto((site / "faq.html").as_uri())
        page.get_by_role("textbox", name="Search").fill("parity")
        found = page.locator(".md-search-result__item h1").all_inner_texts
        page.wait_for_function("document.querySelector('.md-search-result__item')")
        assert "Export and parity" in found()
