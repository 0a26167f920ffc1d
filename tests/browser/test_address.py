"""The address of the page holds what it shows: it can be shared, and the browser can go back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_choice import choose
from web_demo.artifacts import find_artifacts
from web_demo.server import running, serve


@pytest.fixture(scope="module")
def two(artifact, every_format, page_folder):
    """A server of two models: A for every runtime, B for TF.js."""
    found = {"A": every_format.resolve(), "B": artifact.resolve()}
    assert find_artifacts(list(found.values()))
    with running(serve(found, port=0, page=page_folder)) as server:
        yield server.url


def query(page) -> set[str]:
    return set(page.evaluate("location.search").removeprefix("?").split("&")) - {""}


def ready(page, runtime: str, backend: str = "wasm") -> None:
    page.wait_for_selector(f"body[data-runtime={runtime}][data-ready={backend}]", timeout=120_000)


def test_an_address_restores_the_page(visit, two):
    visitor = visit(url=two)
    page = visitor.open("?model=A&runtime=ort-web&backend=wasm&sample=5&panel=race,code")
    ready(page, "ort-web")
    assert visitor.answer() == "4"
    expect(page.locator("#race")).to_have_attribute("open", "")
    expect(page.locator("#program-ort-web")).to_have_attribute("aria-selected", "true")
    assert query(page) == {"model=A", "runtime=ort-web", "backend=wasm", "sample=5",
                           "panel=race,code"}
    assert page.evaluate("history.length") == 2  # with the empty page before
    assert visitor.complaints == []


def test_back_and_forward(visit, two):
    visitor = visit(url=two)
    page = visitor.ready(query="&model=A")
    page.locator("#samples button").nth(7).click()
    assert visitor.answer() == "7"
    page.click("#code summary")
    expect(page.locator("#program pre")).to_contain_text("setBackend")
    choose(page, "ort-web")
    page.select_option("#model", "B")
    page.wait_for_selector("body[data-runtime=tfjs][data-ready=wasm]", timeout=120_000)
    assert query(page) == {"model=B", "runtime=ort-web", "backend=wasm", "panel=code"}
    page.go_back()  # to the model, with its sample
    ready(page, "ort-web")
    expect(page.locator("#verdict-label")).to_have_text("7")
    page.go_back()  # to the runtime
    ready(page, "tfjs")
    page.go_back()  # to the closed panel
    expect(page.locator("#code")).not_to_have_attribute("open", "")
    expect(page.locator("#verdict-label")).to_have_text("7")
    page.go_forward()
    expect(page.locator("#code")).to_have_attribute("open", "")
    assert query(page) == {"model=A", "backend=wasm", "sample=8", "panel=code"}
    assert visitor.complaints == []


def test_a_drawing_replaces_the_sample_in_the_address(visit):
    visitor = visit()
    page = visitor.ready(query="&sample=3")
    assert visitor.answer() == "2"
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    expect(page.locator("#verdict-label")).to_have_text("1")
    assert query(page) == {"backend=wasm"}


@pytest.mark.parametrize("strange", ["model=Z", "sample=99", "panel=cell,main", "runtime=x&panel="])
def test_unknown_names_are_the_defaults(visit, strange):
    visitor = visit()
    page = visitor.ready(query=f"&{strange}")
    assert page.input_value("#model") != "" and visitor.complaints == []
    assert page.locator("main > details[open]").count() == 0
