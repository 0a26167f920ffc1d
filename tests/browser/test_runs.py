"""`zoo demo RUN`: the report of a search is served, and follows the search while it runs."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect

from search.reporting.history import HISTORY, RESULT, read_run
from search.reporting.report import REPORT, write_report
from tests import processes
from tests.browser.conftest import Visit
from tests.browser.test_access import LARGE, PHONE, violations, violations_in, width_needed
from tests.browser.test_server import asking
from tests.search.made_runs import darts_run
from tests.search.small_data import TINY, digits_folder, without_estimate
from web_demo.artifacts import find_artifacts, index_json
from web_demo.runs import changes, find_runs, reports_of
from web_demo.server import REPORT_POLICY, running, serve
from web_demo.site import build_site
from zoo.artifact.names import GENOTYPE
from zoo.runs.run_folder import DivergedError
from zoo.runs.run_lock import at_work


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of four epochs."""
    folder = darts_run(tmp_path / "runs" / "search darts", epochs=4)
    rows = (folder / HISTORY).read_text().splitlines()
    (folder / GENOTYPE).write_text(json.dumps(json.loads(rows[-1])["genotype"]))
    write_report(read_run(folder))
    return folder


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html>")
    return folder


def export_of(folder: Path, genotype: bytes) -> Path:
    """An export of a cell, with just what the page's index reads."""
    (folder / "tfjs").mkdir(parents=True)
    (folder / "tfjs" / "model.json").write_text("{}")
    (folder / GENOTYPE).write_bytes(genotype)
    (folder / "manifest.json").write_text(json.dumps(
        {"name": folder.name, "genotype": folder.name, "files": {"tfjs/model.json": {}}}))
    return folder


@pytest.mark.parametrize("given", ["itself", "parent"])
def test_runs_are_found_by_their_report(run, given):
    (run.parent / "training").mkdir()
    (run.parent / "training" / "config.json").write_text("{}")
    assert find_runs([run if given == "itself" else run.parent]) == {"search-darts": run}


def test_only_the_report_of_a_run_is_served(run, page):
    with running(serve({}, port=0, page=page, runs={"a": run})) as server:
        ask = asking(server)
        response, body = ask("/runs/a/report.html")
        assert (response.status, body) == (200, (run / "report.html").read_bytes())
        assert response.getheader("Content-Security-Policy") == REPORT_POLICY
        for path in ("config.json", "history.jsonl", "", "x/events", "../a/report.html/"):
            assert ask(f"/runs/a/{path}")[0].status == 404, path
        assert ask("/runs/b/report.html")[0].status == 404
        assert ask("/runs/b/events")[0].status == 404


def test_an_event_for_each_change_until_the_server_is_closed(tmp_path):
    report, closed = tmp_path / "report.html", threading.Event()
    events = changes(tmp_path, closed, look=0)

    def state() -> str:
        return json.loads(next(events).removeprefix(b"data: "))["state"]

    with at_work(tmp_path):
        report.write_text("one")
        assert state() == "running"
        report.write_text("three")
        assert state() == "running"
    assert state() == "interrupted"
    with pytest.raises(DivergedError), at_work(tmp_path):
        assert state() == "running"
        raise DivergedError("the loss is NaN")
    assert next(events) == b'data: {"state": "diverged", "reason": "the loss is NaN"}\n\n'
    closed.set()
    assert list(events) == []


def test_an_export_names_the_search_that_found_its_cell(run, page, tmp_path):
    """Also in a static site, which has the report."""
    found = export_of(tmp_path / "exports" / "FOUND", (run / GENOTYPE).read_bytes())
    other = export_of(tmp_path / "exports" / "OTHER", b"not a genotype")
    artifacts = find_artifacts([found, other])
    reports = reports_of(artifacts, {"a": run})
    assert reports == {"FOUND": "runs/a/report.html"}
    entries = json.loads(index_json(artifacts, reports))["models"]
    assert [entry.get("found") for entry in entries] == ["runs/a/report.html", None]
    site = build_site(artifacts, tmp_path / "site", page, runs={"a": run})
    assert (site / "runs/a/report.html").read_bytes() == (run / "report.html").read_bytes()
    assert json.loads((site / "models/index.json").read_text())["models"] == entries


def test_the_report_follows_a_running_search(browser, run, page):
    """From before the first epoch to the end, without a reload, also when it is interrupted."""
    rows = (run / HISTORY).read_text().splitlines(keepends=True)
    result = (run / RESULT).read_bytes()
    (run / RESULT).unlink()

    def write(count: int) -> None:
        (run / HISTORY).write_text("".join(rows[:count]))
        write_report(read_run(run))

    write(0)
    with running(serve({}, port=0, page=page, runs={"a": run})) as server:
        visit = Visit(browser, server.url + "runs/a/report.html")
        shown = visit.open("?live")
        title, live = shown.locator("#cell-title"), shown.locator("#live")
        with at_work(run):
            expect(shown.locator("#empty")).to_be_visible()
            expect(live).to_contain_text("Live")
            shown.evaluate("window.same = true")
            write(2)
            expect(title).to_have_text("The cell at epoch 2", timeout=30_000)
            shown.click("#settings summary")
            shown.locator("#epoch").fill("1")
            shown.focus("#epoch")
            write(3)
            expect(shown.locator("#dock .of")).to_have_text("of 3", timeout=30_000)
            # Whoever looks at an earlier epoch stays there, with the same sections open.
            expect(title).to_have_text("The cell at epoch 1")
            expect(shown.locator("#epoch")).to_be_focused()
            assert shown.locator("#settings").get_attribute("open") is not None
            shown.wait_for_url("**/report.html?live&epoch=1")
        expect(live).to_have_text(f"Interrupted at epoch 3; search resume '{run}' continues it.",
                                  timeout=30_000)
        with at_work(run):
            expect(live).to_contain_text("Live: epoch 3", timeout=30_000)
            (run / RESULT).write_bytes(result)
            write(4)
            expect(live).to_have_text("The search has finished.", timeout=30_000)
        expect(shown.locator("#state")).to_have_text("finished")
        expect(title).to_have_text("The cell at epoch 1")
        assert shown.evaluate("window.same")
        assert visit.complaints == []
        visit.context.close()


@pytest.mark.slow
def test_a_killed_search_is_interrupted_until_it_is_resumed(browser, page, tmp_path):
    digits_folder(tmp_path / "images", 32)
    folder = tmp_path / "run"
    words = ["--strategy", "gdas", *TINY, "--epochs", "1000", "--data", "folder", "--path",
             tmp_path / "images", "-o", folder]
    options = {"err": tmp_path / "err", "prepare": without_estimate}
    search = processes.begin("search", ["run", *words], **options)
    try:
        while not (folder / REPORT).exists():
            assert search.is_alive(), (tmp_path / "err").read_text()
            search.join(0.05)
        with running(serve({}, port=0, page=page, runs={"a": folder})) as server:
            visit = Visit(browser, server.url + "runs/a/report.html", bypass_csp=True,
                          viewport={"width": 390, "height": 740})
            shown = visit.open("?live")
            said = shown.locator("#live")
            expect(said).to_contain_text(re.compile("Live: epoch [1-9]"), timeout=30_000)
            search.kill()
            expect(said).to_have_text(
                re.compile(rf"Interrupted at epoch \d+; search resume {folder} continues it\."),
                timeout=30_000)
            assert violations(shown) == [] and width_needed(shown, [390]) == {390: 390}
            search.join()
            search = processes.begin("search", ["resume", folder], **options)
            expect(said).to_contain_text("Live: epoch", timeout=60_000)
            assert visit.complaints == []
            visit.context.close()
    finally:
        search.kill()
        search.join()


@pytest.fixture
def found(run, artifact, page_folder):
    """A server of a network and of the search that found its cell."""
    (run / GENOTYPE).write_bytes((artifact / GENOTYPE).read_bytes())
    with running(serve(find_artifacts([artifact]), port=0, page=page_folder,
                       runs={"a": run})) as server:
        yield server.url


def test_a_cell_is_shown_with_its_search(visit, found):
    """The section of the page has the report in a frame, which both policies allow; the address of
    the page holds its epoch."""
    visitor = visit(url=found)
    page = visitor.ready()
    page.click("#found summary")
    report = page.frame_locator("#found iframe")
    title = report.locator("#cell-title")
    expect(title).to_have_text("The cell at epoch 2")
    for epoch in ("3", "4"):
        report.locator("#epoch").fill(epoch)
        page.wait_for_url(f"**&epoch={epoch}")
    page.go_back()
    expect(title).to_have_text("The cell at epoch 3")
    page.go_back()
    expect(title).to_have_text("The cell at epoch 2")
    page.go_forward()
    expect(title).to_have_text("The cell at epoch 3")
    expect(page.locator("#found a")).to_have_attribute("href", "runs/a/report.html?epoch=3")
    page.reload()
    expect(title).to_have_text("The cell at epoch 3")
    assert visitor.complaints == []


def test_axe_finds_nothing_in_the_frame_of_a_report(visit, found):
    visitor = visit(url=found, bypass_csp=True, reduced_motion="reduce")
    page = visitor.ready(query="&panel=found&epoch=1")
    report = page.frames[1]
    report.wait_for_selector("body[data-ready]")
    report.evaluate("document.querySelectorAll('details').forEach(one => (one.open = true))")
    assert violations_in(page, [("light", LARGE), ("dark", PHONE)]) == []
    assert width_needed(page, [390]) == {390: 390}
    assert report.evaluate("""() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth === clientWidth;
    }""")
    assert visitor.complaints == []
