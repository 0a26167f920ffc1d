"""Fixtures of the browser tests: the built page, an artifact, a server, Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.browser.altered import reseal
from tests.browser.language import Learned, Shipped
from web_demo.artifacts import find_artifacts
from web_demo.chromium import RuntimeMissing, launch
from web_demo.runtimes import FORMATS
from web_demo.server import Server, running, serve
from web_demo.site import PAGE
from zoo.cli import app
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.serialization import to_json
from zoo.plotting.cell import svg
from zoo.registry import genotype

WEB_DEMO = PAGE.parent


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests in one worker, which builds the artifact and starts the browser once."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


def unavailable(reason: str) -> None:
    """Skip the test, or fail it in CI, where every test must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DARTS on digits, exported by the command line with --inspect, or the artifact in
    $ZOO_TEST_ARTIFACT."""
    if made := os.environ.get("ZOO_TEST_ARTIFACT"):
        return Path(made)
    folder = tmp_path_factory.mktemp("exports") / "DARTS-digits"
    result = CliRunner().invoke(app, ["build", "DARTS", "--export", "tfjs", "--inspect",
                                      "-o", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="session")
def every_format(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network in the format of every runtime, or the artifact in $ZOO_TEST_FORMATS."""
    if made := os.environ.get("ZOO_TEST_FORMATS"):
        return Path(made)
    folder = tmp_path_factory.mktemp("formats") / "DARTS-digits"
    result = CliRunner().invoke(app, ["build", "DARTS", "--export", ",".join(FORMATS),
                                      "-o", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="session")
def page_folder() -> Path:
    if not (PAGE / "index.html").is_file():
        npm = shutil.which("npm")
        if npm is None:
            unavailable(
                "the page is not built, and there is no npm to build it: install Node 20.19 or "
                "newer"
            )
        for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run(
                [npm, *command], cwd=WEB_DEMO, check=True, capture_output=True, text=True
            )
    return PAGE


@pytest.fixture(scope="session")
def server(page_folder: Path, artifact: Path) -> Iterator[Server]:
    with running(serve(find_artifacts([artifact]), port=0, page=page_folder)) as server:
        yield server


@pytest.fixture(scope="session")
def formats_server(page_folder: Path, every_format: Path) -> Iterator[Server]:
    with running(serve(find_artifacts([every_format]), port=0, page=page_folder)) as server:
        yield server


@pytest.fixture(scope="session")
def both(artifact, page_folder, tmp_path_factory):
    """A server with DARTS, and the same weights drawn as the normal cell of NASNet."""
    other = tmp_path_factory.mktemp("other") / "other"
    shutil.copytree(artifact, other)
    mixed = ConvGenotype(normal=genotype("NASNet").normal, reduce=genotype("DARTS").reduce)
    (other / "cell.svg").write_text(svg(mixed, "mixed"))
    (other / "genotype.json").write_text(to_json(mixed))
    reseal(other, name="other", genotype="mixed")
    with running(serve(find_artifacts([artifact, other]), port=0, page=page_folder)) as server:
        yield server


@pytest.fixture(scope="session")
def learned(tmp_path_factory) -> dict[str, Learned]:
    """Language models with their artifacts."""
    folder = tmp_path_factory.mktemp("language")
    return {"char": Learned("char", folder / "char"), "word": Learned("word", folder / "word"),
            "shakespeare": Shipped(folder / "shakespeare")}


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright is not installed: run pip install playwright")
    with sync_playwright() as playwright:
        try:
            # A fake camera; contexts still need its permission.
            browser = launch(playwright, "--use-fake-device-for-media-stream")
        except RuntimeMissing as error:
            unavailable(str(error))
        yield browser
        browser.close()


class Visit:
    """The page in its own browser context; collects its errors and warnings."""

    def __init__(self, browser, url: str, **options) -> None:
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, **options}
        )
        self.page = self.context.new_page()
        self.url = url
        self.complaints: list[str] = []
        self.page.on(
            "console",
            lambda message: message.type == "error" and self.complaints.append(message.text),
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def in_workers(self, script: str) -> None:
        """Run a script at the start of every later worker that runs a network."""
        def begin(route):
            answer = route.fetch()
            route.fulfill(response=answer, body=script + answer.text())

        self.page.route("**/assets/worker-*.js", begin)

    def workers(self) -> list:
        """The workers that run networks, without the threads of runtimes."""
        return [worker for worker in self.page.workers if "/assets/worker-" in worker.url]

    def in_network(self, script: str):
        """Evaluate a script in the worker of the current network."""
        (worker,) = self.workers()
        return worker.evaluate(script)

    def open(self, query: str = ""):
        self.page.goto(self.url + query)
        return self.page

    def ready(self, backend: str = "wasm", query: str = ""):
        """Open the page and wait until the network has run."""
        self.open(f"?backend={backend}{query}")
        self.page.wait_for_selector(f"body[data-ready={backend}]", timeout=120_000)
        return self.page

    def failure(self) -> str:
        """The error message on the page."""
        self.page.wait_for_selector("#failure:not([hidden])", timeout=120_000)
        return self.page.inner_text("#failure")

    def answer(self) -> str:
        self.page.wait_for_selector("#answer[aria-busy=false]:has(#bars li)", timeout=120_000)
        return self.page.inner_text("#verdict-label")

    def draw(self, *strokes: list[tuple[float, float]]) -> None:
        """Draw with the mouse; coordinates are relative to the side of the pad."""
        self.page.locator("#pad").scroll_into_view_if_needed()
        box = self.page.locator("#pad").bounding_box()
        for stroke in strokes:
            points = [
                (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke
            ]
            self.page.mouse.move(*points[0])
            self.page.mouse.down()
            for point in points[1:]:
                self.page.mouse.move(*point, steps=2)
            self.page.mouse.up()


@pytest.fixture
def visit(browser, server: Server) -> Iterator:
    """Open the page in new contexts: visit(), visit(color_scheme="dark")."""
    visits: list[Visit] = []

    def begin(**options) -> Visit:
        visits.append(Visit(browser, options.pop("url", server.url), **options))
        return visits[-1]

    yield begin
    for each in visits:
        each.context.close()
