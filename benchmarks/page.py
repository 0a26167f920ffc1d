"""The demo page in Chromium: bytes of a first visit, and blocking time of its main thread.

    python -m benchmarks.page exports/DARTS_V2-cifar10
    python -m benchmarks.page exports/DARTS_V2-cifar10 --page other/dist     # another build

Bytes are those of every response until the first answer, gzipped as by a server.  Long tasks take
more than 50 ms; the blocking time is the sum of their time beyond that.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from web_demo.artifacts import find_artifacts
from web_demo.chromium import launch
from web_demo.server import running, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Response

#: Files that are already compressed.
PACKED = (".jpg", ".png")
OBSERVE = """
    window.tasks = [];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration)))
        .observe({ type: 'longtask', buffered: true });
"""
#: Late frames are the visible effect of a blocked main thread.
FRAMES = """
    window.frames_at = [];
    const frame = (now) => { frames_at.push(now); requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
"""


def kind_of(path: str) -> str:
    if path.startswith("models/"):
        return "model"
    if path.endswith(PACKED):
        return "pictures"
    return "code"


def gzipped(path: str, body: bytes) -> int:
    return len(body) if path.endswith(PACKED) else len(gzip.compress(body, 9))


def blocked(tasks: list[float]) -> float:
    return sum(max(0.0, task - 50) for task in tasks)


def visit(browser: Browser, url: str, backend: str, answers: int) -> dict[str, Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))
    page.add_init_script(OBSERVE + FRAMES)
    page.goto(f"{url}?backend={backend}")
    page.wait_for_selector(f"body[data-ready={backend}]", timeout=120_000)
    first = page.evaluate("performance.now()")
    started = page.evaluate("tasks.splice(0)")
    samples = page.locator("#samples button")
    page.evaluate("frames_at.splice(0)")
    for number in range(answers):
        samples.nth(number % samples.count()).click()
        page.wait_for_selector("#answer[aria-busy=false]:has(#bars li)")
        if number == 0:
            bodies = {response.url.removeprefix(url): response.body() for response in responses
                      if response.url.startswith(url)}
    frames = page.evaluate("frames_at")
    sizes: dict[str, int] = {}
    for path, body in bodies.items():
        path = path.partition("?")[0]
        sizes[kind_of(path)] = sizes.get(kind_of(path), 0) + gzipped(path, body)
    waits = [after - before for before, after in zip(frames, frames[1:], strict=False)]
    measured = {"sizes": sizes, "requests": len(bodies), "first": first, "start": started,
                "answers": page.evaluate("tasks"), "frame": max(waits)}
    context.close()
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--page", type=Path, help="A built page. Default: the one of this package.")
    parser.add_argument("--backend", default="wasm")
    parser.add_argument("--answers", type=int, default=30)
    parser.add_argument("--visits", type=int, default=3)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with running(serve(find_artifacts([options.artifact]), port=0, page=options.page)) as server, \
            sync_playwright() as playwright:
        browser = launch(playwright)
        visits = [visit(browser, server.url, options.backend, options.answers)
                  for _ in range(options.visits)]
        browser.close()
    table = Table(title=f"{options.artifact.name} on {options.backend}", title_justify="left")
    table.add_column("")
    table.add_column("median of the visits", justify="right")
    sizes = visits[0]["sizes"]
    for kind in sorted(sizes):
        table.add_row(f"first visit, {kind}, gzip", f"{sizes[kind] / 1000:,.1f} kB")
    table.add_row("first visit, total", f"{sum(sizes.values()) / 1000:,.1f} kB in "
                                      f"{visits[0]['requests']} requests")
    table.add_row("until ready: time since navigation",
                  f"{statistics.median(one['first'] for one in visits):,.0f} ms")
    for name, title in (("start", "until ready"), ("answers", f"{options.answers} answers")):
        count = statistics.median(len(one[name]) for one in visits)
        time = statistics.median(blocked(one[name]) for one in visits)
        longest = statistics.median(max(one[name], default=0) for one in visits)
        table.add_row(f"{title}: long tasks, longest, blocked",
                      f"{count:.0f}, {longest:.0f} ms, {time:.0f} ms")
    table.add_row("longest wait for a frame while answering",
                  f"{statistics.median(one['frame'] for one in visits):.0f} ms")
    Console().print(table)


if __name__ == "__main__":
    main()
