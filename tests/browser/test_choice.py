"""A runtime is loaded when it is chosen on the page, and runs in a worker."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from tests.browser.test_access import PHONE, violations_in
from web_demo.artifacts import find_artifacts
from web_demo.runtimes import RUNTIMES
from web_demo.server import running
from web_demo.site import build_site

#: Prefixes of the file names of each runtime.
CODE = {"tfjs": "tfjs", "litert": "litert", "ort-web": "ort"}
OTHERS = [name for name in RUNTIMES if name != "tfjs"]
NO_GPU = "Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined })"


@pytest.fixture
def formats(visit, formats_server):
    """Visit the page with the artifact of every format."""
    return lambda **options: visit(url=formats_server.url, **options)


def choose(page, runtime: str) -> None:
    page.click(f"#runtimes input[value={runtime}]")
    page.wait_for_selector(f"body[data-runtime={runtime}][data-ready]", timeout=120_000)


def files_of(requested: list[str], runtime: str) -> list[str]:
    names = [url.rsplit("/", 1)[-1] for url in requested if "/assets/" in url]
    return [name for name in names if name.startswith(CODE[runtime])]


def test_networks_run_only_in_workers(visit):
    visitor = visit()
    page = visitor.ready()
    assert page.evaluate("typeof _tfengine") == "undefined"
    assert visitor.in_network("_tfengine.backendName") == "wasm"
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4"
    assert visitor.in_network("_tfengine.state.numTensors") > 0


def test_code_comes_when_it_is_chosen(formats):
    visitor, requested = formats(), []
    visitor.page.on("request", lambda request: requested.append(request.url))
    page = visitor.ready()
    assert page.locator("#runtimes input").count() == len(RUNTIMES)
    assert files_of(requested, "tfjs")
    for name in OTHERS:
        assert not files_of(requested, name)
        assert not [url for url in requested if f"/{RUNTIMES[name].reads}/" in url]
        choose(page, name)
        assert files_of(requested, name)


@pytest.mark.parametrize("name", OTHERS)
def test_a_chosen_runtime_answers_and_is_kept_in_the_address(formats, name):
    visitor = formats()
    page = visitor.ready()
    choose(page, name)
    assert page.inner_text("#parity").startswith("✓ Same logits as PyTorch")
    assert f"runtime={name}" in page.url and "backend=wasm" in page.url
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4"
    page.reload()
    page.wait_for_selector(f"body[data-runtime={name}][data-ready=wasm]", timeout=120_000)
    assert page.is_checked(f"#runtimes input[value={name}]")
    assert visitor.complaints == []


def test_a_model_that_is_chosen_is_kept_in_the_address_too(visit):
    visitor = visit()
    page = visitor.page
    models = [{"name": name, "path": "models/DARTS-digits/"} for name in ("first", "second")]
    page.route("**/models/index.json", lambda route: route.fulfill(json={"models": models}))
    visitor.ready()
    page.select_option("#model", "second")
    page.wait_for_selector("body[data-ready=wasm]")
    page.reload()
    expect(page.locator("#model")).to_have_value("second")


def test_download_sizes_are_shown(formats, every_format):
    page = formats().ready()
    for name, runtime in RUNTIMES.items():
        model = sum(path.stat().st_size for path in (every_format / runtime.reads).iterdir())
        row = page.inner_text(f"#runtimes label:has(input[value={name}])")
        assert runtime.title in row
        assert f"{model / 1000:.0f} kB model + " in row and "B code" in row


def test_unsupported_backends_show_the_reason_in_every_runtime(formats):
    visitor = formats()
    visitor.page.add_init_script(NO_GPU)
    page = visitor.ready()
    for name in RUNTIMES:
        if name != "tfjs":
            choose(page, name)
        assert page.locator("#backends input[value=webgpu]").is_disabled()
        assert "Not available: not supported by this browser" in page.inner_text("#backends")


def test_a_runtime_that_cannot_be_downloaded_is_replaced(formats):
    visitor = formats()
    page = visitor.page
    page.add_init_script(NO_GPU)
    page.route("**/assets/litert*", lambda route: route.fulfill(status=404))
    visitor.ready()
    page.click("#runtimes input[value=litert]")
    assert "Switched to TF.js on WebAssembly; reload the page to try LiteRT.js on " \
        "WebAssembly again." in visitor.failure()
    page.wait_for_selector("body[data-runtime=tfjs][data-ready=wasm]", timeout=120_000)
    expect(page.locator("#runtimes input[value=litert]")).to_be_disabled()
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4"


def test_by_keyboard(formats):
    page = formats().ready()
    page.focus("#runtimes input:checked")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("body[data-runtime=litert][data-ready]", timeout=120_000)
    expect(page.locator("#runtimes input[value=litert]")).to_be_focused()


def test_it_is_accessible_and_nothing_overflows(formats):
    visitor = formats(bypass_csp=True, reduced_motion="reduce", viewport=PHONE)
    page = visitor.ready()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations_in(page) == []


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def test_every_runtime_on_a_site_that_sends_no_headers(visit, every_format, page_folder, tmp_path):
    """The page has its own policy, and WebAssembly runs on one thread."""
    build_site(find_artifacts([every_format]), tmp_path / "site", page_folder)
    with running(ThreadingHTTPServer(("127.0.0.1", 0),
                                     partial(Quiet, directory=str(tmp_path)))) as server:
        visitor = visit(url=f"http://127.0.0.1:{server.server_port}/site/")
        page = visitor.ready()
        for name in OTHERS:
            choose(page, name)
            assert page.inner_text("#parity").startswith("✓ Same logits as PyTorch")
        assert "single-threaded" in page.inner_text("#backends")
        assert visitor.complaints == []
