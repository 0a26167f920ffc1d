"""The page is accessible: by keyboard, on a phone, in dark mode, with a screen reader."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import WEB_DEMO

AXE = WEB_DEMO / "node_modules" / "axe-core" / "axe.min.js"
LARGE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
MODES = [(scheme, size) for size in (LARGE, PHONE) for scheme in ("light", "dark")]
SEEN = """() => Array.from(document.querySelector('#seen').getContext('2d')
    .getImageData(0, 0, 8, 8).data)"""


def violations(page) -> list[str]:
    for frame in page.frames:  # axe asks each for its part
        frame.evaluate(AXE.read_text())
    found = page.evaluate(
        "axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations)"
    )
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for one in found
        for node in one["nodes"]
    ]


def violations_in(page, modes=MODES) -> list[tuple]:
    """Violations that axe finds in each (color scheme, window size); restores the first."""
    found = []
    for number, (scheme, size) in enumerate([*modes, modes[0]]):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        if number < len(modes):
            found += [(scheme, size["width"], one) for one in violations(page)]
    return found


def test_axe_finds_nothing(visit):
    # The policy of the page blocks axe, so it is bypassed here.
    visitor = visit(bypass_csp=True, reduced_motion="reduce")
    page = visitor.ready()
    assert violations_in(page) == []
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    visitor.answer()
    assert violations_in(page) == []
    page.locator("#samples button").first.click()
    page.set_input_files("#file", {"name": "x.png", "mimeType": "image/png", "buffer": b"x"})
    visitor.failure()
    assert violations_in(page) == []


def test_a_running_camera(visit):
    visitor = visit(bypass_csp=True, reduced_motion="reduce", permissions=["camera"])
    page = visitor.ready()
    page.click("#camera")  # leaves the mouse over it
    expect(page.locator("#camera")).to_have_text("Stop camera", timeout=30_000)
    assert violations_in(page, MODES[:2]) == []


def test_everything_by_keyboard(visit):
    visitor = visit()
    page = visitor.ready()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#pad")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    expect(page.locator("#pen")).to_contain_text("Pen down")
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("#pen")).to_contain_text("Pen up")
    assert visitor.answer() == "1"
    page.keyboard.press("Delete")
    expect(page.locator("#verdict-label")).to_have_text("–")
    # Then the buttons, a sample, and another backend.
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.getAttribute('aria-label')"
            )
        )
    assert seen[:4] == ["undo", "clear", "choose", "camera"]
    assert seen[4] == "Sample 1, labeled 0"
    page.keyboard.press("Enter")
    assert visitor.answer() == "3"
    page.focus("#backends input[value=wasm]")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    assert visitor.answer() == "3"


def test_a_dot_by_keyboard_is_answered_on_a_slow_backend(visit):
    visitor = visit()
    page = visitor.page
    visitor.in_workers("""
        const now = performance.now.bind(performance);
        performance.now = () => 50 * now();
    """)
    visitor.ready()
    page.focus("#pad")
    page.keyboard.press("Space")
    page.wait_for_timeout(200)
    assert page.inner_text("#verdict-label") == "–"  # the pen is still down
    page.keyboard.press("Space")
    assert visitor.answer() != "–"


def test_held_keys_and_keys_with_modifiers(visit):
    page = visit().ready()
    page.focus("#pad")
    for _ in range(3):
        page.keyboard.down(" ")  # the second and third are repeats
    page.keyboard.up(" ")
    expect(page.locator("#pen")).to_contain_text("Pen down")
    kept = page.evaluate("""() => ['ArrowLeft', 'Backspace', 'c'].map((key) =>
        document.querySelector('#pad').dispatchEvent(
            new KeyboardEvent('keydown', { key, altKey: true, cancelable: true })))""")
    assert kept == [True] * 3  # for shortcuts of the browser


def test_undo_in_the_middle_of_a_stroke(visit):
    visitor = visit()
    page = visitor.ready()
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    assert visitor.answer() == "1"
    before = page.evaluate(SEEN)
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 60, steps=3)
    page.keyboard.press("Backspace")
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=3)
    page.mouse.up()
    assert visitor.answer() == "1" and page.evaluate(SEEN) == before


def test_the_answer_is_spoken(visit):
    visitor = visit()
    page = visitor.ready()
    expect(page.locator("#spoken")).to_have_attribute("aria-live", "polite")
    page.locator("#samples button").nth(2).click()
    expect(page.locator("#spoken")).to_contain_text("correct")


def width_needed(page, widths: list[int]) -> dict[int, int]:
    """The width of the page by window width; the page was opened at the first."""
    found = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 740})
        found[width] = page.evaluate("document.documentElement.scrollWidth")
    return found


def test_nothing_overflows(visit):
    widths = [320, 360, 768, 1024]
    visitor = visit(viewport={"width": widths[0], "height": 740})
    page = visitor.ready()
    page.locator("#samples button").first.click()
    visitor.answer()
    needed = width_needed(page, widths)
    assert all(needed[width] <= width for width in widths), needed


def test_the_same_sample_again_after_a_redraw(visit):
    visitor = visit()
    page = visitor.ready()
    for number in (8, 8, 9):
        page.locator("#samples button").nth(number).click()
        assert visitor.answer() == str(number)
