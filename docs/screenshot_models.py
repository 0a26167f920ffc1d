"""Two screenshots for `docs/browser.md`: the page that classifies a photo, and text generation.

    python docs/screenshot_models.py exports/DARTS_V2-cifar10             # writes docs/photos.png
    python docs/screenshot_models.py exports/DARTS_V2_RNN-shakespeare     # writes docs/writing.png
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from web_demo.artifacts import find_artifacts, read_manifest
from web_demo.chromium import launch
from web_demo.server import running, serve


def look(page: Page) -> str:
    """Classify a sample image of the page."""
    page.locator("#samples button", has_text="dog").click()
    page.wait_for_selector("#answer[aria-busy=false]:has(#bars li)")
    page.locator("#pad").hover()
    return "photos.png"


def write(page: Page) -> str:
    """Generate a text with the default prompt, temperature and seed."""
    page.click("#write")
    page.wait_for_selector("#stop:disabled", timeout=120_000)
    page.locator("#written").evaluate("(text) => { text.scrollTop = 0; }")
    return "writing.png"


def main(folder: str) -> None:
    artifacts = find_artifacts([Path(folder)])
    step = read_manifest(Path(folder))["task"] == "language-model-step"
    with running(serve(artifacts, port=0)) as server, sync_playwright() as playwright:
        page = launch(playwright).new_page(viewport={"width": 1280, "height": 900},
                                           reduced_motion="reduce")
        page.goto(f"{server.url}?backend=wasm")
        page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
        name = write(page) if step else look(page)
        page.screenshot(path=Path(__file__).with_name(name), full_page=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
