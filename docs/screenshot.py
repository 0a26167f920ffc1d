"""Two screenshots for README and `docs/`: the page with a drawn digit, and a search report.

    python docs/screenshot.py exports/DARTS-digits                  # writes docs/page.png
    python docs/screenshot.py runs/search-darts1-digits-0           # writes docs/report.png
"""

import math
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from web_demo.artifacts import find_artifacts
from web_demo.chromium import launch
from web_demo.server import running, serve


def three() -> list[tuple[float, float]]:
    """A 3 as two arcs, in units of the pad's side."""
    upper = [(0.48 + 0.17 * math.cos(a), 0.32 + 0.17 * math.sin(a))
             for a in (math.radians(d) for d in range(-160, 91, 10))]
    lower = [(0.48 + 0.2 * math.cos(a), 0.66 + 0.18 * math.sin(a))
             for a in (math.radians(d) for d in range(-90, 151, 10))]
    return upper + lower


def report(file: Path) -> None:
    """The upper part of a report, at its last epoch."""
    with sync_playwright() as playwright:
        page = launch(playwright).new_page(viewport={"width": 1280, "height": 1080})
        page.goto(file.resolve().as_uri())
        page.screenshot(path=Path(__file__).with_name("report.png"))


def main(folder: str) -> None:
    if (Path(folder) / "report.html").exists():
        report(Path(folder) / "report.html")
        return
    artifacts = find_artifacts([Path(folder)])
    with running(serve(artifacts, port=0)) as server, sync_playwright() as playwright:
        page = launch(playwright).new_page(viewport={"width": 1280, "height": 900},
                                           reduced_motion="reduce")
        page.goto(f"{server.url}?backend=wasm")
        page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
        box = page.locator("#pad").bounding_box()
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in three()]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=3)
        page.mouse.up()
        page.wait_for_selector("#answer[aria-busy=false]:has(#bars li)")
        page.screenshot(path=Path(__file__).with_name("page.png"), full_page=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
