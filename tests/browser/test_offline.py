"""Static sites: visits without a connection, threads without headers, and the way out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.altered import reseal
from tests.browser.conftest import Visit
from web_demo.artifacts import find_artifacts
from web_demo.server import running
from web_demo.site import build_site

KEPT = """async () => {
    const found = [];
    for (const name of await caches.keys()) {
        for (const { url } of await (await caches.open(name)).keys()) found.push(url);
    }
    return found;
}"""
WORKERS = "async () => (await navigator.serviceWorker.getRegistrations()).length"
CONTROLLED = "() => navigator.serviceWorker.controller !== null"


class Files(SimpleHTTPRequestHandler):
    """A plain static server, without our headers."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def static(folder: Path, port: int = 0) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(Files, directory=str(folder)))
    server.daemon_threads = True
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}/"


@pytest.fixture
def site(artifact, page_folder, tmp_path) -> Path:
    return build_site(find_artifacts([artifact]), tmp_path / "site", page_folder)


@pytest.fixture
def visitor(browser):
    visits: list[Visit] = []

    def begin(url: str) -> Visit:
        visits.append(Visit(browser, url))
        return visits[-1]

    yield begin
    for visit in visits:
        visit.context.close()


def first_visit(visit: Visit) -> None:
    """Visit until the worker has kept the network and its runtime."""
    page = visit.ready()
    page.wait_for_function(CONTROLLED)
    for part in ("tfjs/model.json", r"fixtures/logits\.bin", r"assets/tfjs-backend-wasm.*\.wasm"):
        for _ in range(600):
            if any(re.search(part, url) for url in page.evaluate(KEPT)):
                break
            page.wait_for_timeout(50)
        else:
            raise AssertionError(f"{part} is not kept")


def test_the_first_visit_is_enough_for_one_without_a_connection(site, visitor):
    with static(site) as url:
        visit = visitor(url)
        page = visit.page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        first_visit(visit)
        ready = next(i for i, line in enumerate(asked) if line.endswith("fixtures/logits.bin"))
        registered = next(i for i, line in enumerate(asked) if "/register-" in line)
        assert registered > ready  # after the first answer
        assert not page.evaluate("crossOriginIsolated")
        assert "single-threaded until you reload the page" in page.inner_text("#backends")
        assert visit.complaints == []
    # The server is gone.
    page.reload()
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    assert page.evaluate("crossOriginIsolated")
    assert "multi-threaded" in page.inner_text("#backends")
    assert page.inner_text("#parity").startswith("✓")
    page.locator("#samples button").nth(4).click()
    assert visit.answer() == "4"
    page.click("#race > summary")  # not opened before
    expect(page.locator("#race-start")).to_be_enabled()


def test_the_code_for_other_tasks_is_kept_with_their_networks(learned, page_folder, visitor,
                                                               tmp_path):
    site = build_site({"char": learned["char"].folder}, tmp_path / "site", page_folder)
    with static(site) as url:
        visit = visitor(url)
        first_visit(visit)
        page = visit.page
        assert any("assets/writer-" in one for one in page.evaluate(KEPT))
    page.reload()
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    expect(page.locator("#prompt")).to_be_visible()


def test_a_new_build_replaces_the_old_one_at_the_next_visit(site, artifact, page_folder, visitor,
                                                            tmp_path):
    with static(site) as url:
        visit = visitor(url)
        first_visit(visit)
        old = visit.page.evaluate(KEPT)
        # The same names, other contents: a page with another style, and a network with other files.
        page = tmp_path / "page"
        shutil.copytree(page_folder, page)
        html = (page / "index.html").read_text().replace("Nothing is uploaded.", "A new build.")
        (page / "index.html").write_text(html)
        changed = tmp_path / "changed" / artifact.name
        shutil.copytree(artifact, changed)
        model = changed / "tfjs" / "model.json"
        model.write_text(model.read_text() + "\n")
        reseal(changed)
        build_site(find_artifacts([changed]), site, page)
        visit.ready()
        expect(visit.page.locator("footer")).to_contain_text("A new build.")
        assert visit.page.inner_text("#parity").startswith("✓")
        models = [one for one in old if "model.json?sha256" in one]
        for _ in range(600):
            kept = [one for one in visit.page.evaluate(KEPT) if "model.json?sha256" in one]
            if kept and not set(kept) & set(models):
                break
            visit.page.wait_for_timeout(50)
        assert len(kept) == 1 and kept != models
        assert visit.complaints == []


def test_damaged_copies_do_not_lock_a_visitor_out(site, visitor):
    with static(site) as url:
        visit = visitor(url)
        first_visit(visit)
        visit.page.evaluate("""async () => {
            for (const name of await caches.keys()) {
                const cache = await caches.open(name);
                for (const { url } of await cache.keys()) {
                    if (!/index\\.(html|json)$/.test(url)) continue;
                    await cache.put(url, new Response('broken'));
                }
            }
        }""")
        page = visit.ready()
        assert page.inner_text("#parity").startswith("✓")
        assert visit.complaints == []


def test_a_site_without_offline_visits_ends_those_of_an_earlier_build(site, artifact, page_folder,
                                                                      visitor):
    with static(site) as url:
        visit = visitor(url)
        first_visit(visit)
        build_site(find_artifacts([artifact]), site, page_folder, offline=False)
        visit.ready()
        page = visit.page
        for _ in range(600):
            left = page.evaluate(WORKERS)
            if left == 0 and page.evaluate(KEPT) == []:
                break
            page.wait_for_timeout(50)
        assert left == 0 and page.evaluate(KEPT) == []
        assert visit.complaints == []


def test_the_server_of_zoo_demo_keeps_nothing(visit):
    visitor = visit()
    page = visitor.ready()
    assert page.evaluate(WORKERS) == 0
    script = page.evaluate("async () => (await fetch('sw.js')).text()")
    assert "unregister" in script and "self.site =" not in script
