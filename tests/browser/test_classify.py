"""A drawing, a sample, a file, a paste, a drop and the camera are classified."""

from __future__ import annotations

import base64
import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.digits import DIGITS

# A photographed digit: dark strokes on unevenly lit paper.
PHOTOGRAPH = """
([strokes, type]) => {
    const canvas = document.createElement('canvas');
    canvas.width = 640; canvas.height = 480;
    const context = canvas.getContext('2d');
    const light = context.createLinearGradient(0, 0, 640, 480);
    light.addColorStop(0, '#f4f1ea'); light.addColorStop(1, '#b9b4aa');
    context.fillStyle = light; context.fillRect(0, 0, 640, 480);
    context.strokeStyle = '#2a2c3a'; context.lineWidth = 16;
    context.lineCap = context.lineJoin = 'round';
    for (const stroke of strokes) {
        context.beginPath();
        for (const [x, y] of stroke) context.lineTo(120 + x * 400, 40 + y * 400);
        context.stroke();
    }
    return canvas.toDataURL(type).split(',')[1];
}
"""


NOTHING = "Draw something or choose a sample."


@pytest.fixture(scope="module")
def opened(browser, server):
    visitor = Visit(browser, server.url)
    visitor.ready()
    yield visitor
    visitor.context.close()


@pytest.fixture
def ready(opened):
    """A shared page, reset to an empty sheet without an answer."""
    opened.page.click("#clear")
    expect(opened.page.locator("#verdict-text")).to_have_text(NOTHING)
    expect(opened.page.locator("#failure")).to_be_hidden()
    expect(opened.page.locator("#bars li")).to_have_count(0)
    return opened


def photograph(page, digit: str, kind: str = "image/png") -> bytes:
    return base64.b64decode(page.evaluate(PHOTOGRAPH, [DIGITS[digit], kind]))


def test_drawn_digits_are_recognized(visit):
    """Ten digits drawn by one hand; guessing would get one right."""
    visitor = visit()
    page = visitor.ready()
    answers = {}
    for digit, strokes in DIGITS.items():
        page.click("#clear")
        visitor.draw(*strokes)
        answers[digit] = visitor.answer(), page.inner_text("#bars")
    right = [digit for digit, (answer, _) in answers.items() if answer == digit]
    assert len(right) >= 8, answers
    page.emulate_media(color_scheme="dark")  # with light ink
    for digit in ("1", "4", "7"):
        page.click("#clear")
        visitor.draw(*DIGITS[digit])
        assert (visitor.answer(), page.inner_text("#bars")) == answers[digit]
    assert visitor.complaints == []


def test_size_and_place_of_a_drawing_do_not_matter(ready):
    small = [[(0.15 + x * 0.3, 0.6 + y * 0.3) for x, y in stroke] for stroke in DIGITS["3"]]
    ready.draw(*DIGITS["3"])
    before = ready.page.inner_text("#bars")
    ready.page.click("#clear")
    ready.draw(*small)
    assert ready.answer() == "3"
    # The mouse moves by whole pixels, so a small drawing is rougher.
    assert ready.page.inner_text("#bars").splitlines()[0] == before.splitlines()[0]


def test_a_finger_draws(visit):
    visitor = visit(has_touch=True, viewport={"width": 360, "height": 740})
    page = visitor.ready()
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    touch = visitor.context.new_cdp_session(page)
    for stroke in DIGITS["0"]:
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in stroke
        ]
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
        for point in points[1:]:
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert visitor.answer() == "0"
    assert page.inner_text("#badge").startswith("0 ·")


def test_other_networks_see_the_drawing_as_a_picture(visit, artifact):
    """Dark ink on white paper, even if the page is dark."""
    visitor = visit()
    manifest = json.loads((artifact / "manifest.json").read_text())
    manifest["input"]["data"] = None
    visitor.page.route("**/manifest.json", lambda route: route.fulfill(json=manifest))
    page = visitor.ready()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.click("#clear")
        # The center of the fourth of eight columns.
        visitor.draw([(0.4375, 0.2), (0.4375, 0.8)])
        visitor.answer()
        levels = page.locator(
            "#seen"
        ).evaluate("""(canvas) =>
            Array.from(canvas.getContext('2d').getImageData(0, 0, 8, 8).data)
                .filter((_, i) => i % 4 === 0)""")
        assert max(levels) == 255 and levels[0] == 255
        assert min(levels) < 160


def test_undo_and_clear(ready):
    ready.draw([(0.5, 0.2), (0.5, 0.8)])
    assert ready.answer() == "1"
    ready.page.click("#undo")
    expect(ready.page.locator("#verdict-label")).to_have_text("–")
    ready.draw([(0.5, 0.2), (0.5, 0.8)], [(0.2, 0.5), (0.8, 0.5)])
    ready.page.click("#clear")
    expect(ready.page.locator("#verdict-text")).to_have_text(NOTHING)


def test_samples_give_their_labels(ready, artifact):
    labels = json.loads((artifact / "manifest.json").read_text())["fixture"]["labels"]
    buttons = ready.page.locator("#samples button")
    assert buttons.count() == len(labels)
    for number, label in enumerate(labels):
        buttons.nth(number).click()
        assert ready.answer() == str(label)
        assert "correct" in ready.page.inner_text("#verdict-text")


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/webp"])
def test_a_file_is_classified(ready, kind):
    picture = photograph(ready.page, "3", kind)
    ready.page.set_input_files("#file", {"name": "three", "mimeType": kind, "buffer": picture})
    expect(ready.page.locator("#verdict-label")).to_have_text("3")


def test_white_on_black_is_a_digit_too(ready):
    inverted = PHOTOGRAPH.replace(
        "return canvas",
        "context.globalCompositeOperation = 'difference'; context.fillStyle = 'white';"
        "context.fillRect(0, 0, 640, 480); return canvas",
    )
    picture = base64.b64decode(ready.page.evaluate(inverted, [DIGITS["0"], "image/png"]))
    ready.page.set_input_files(
        "#file", {"name": "zero.png", "mimeType": "image/png", "buffer": picture}
    )
    expect(ready.page.locator("#verdict-label")).to_have_text("0")


@pytest.mark.parametrize("event", ["paste", "drop"])
def test_a_picture_is_pasted_or_dropped(ready, event):
    picture = photograph(ready.page, "1")
    ready.page.evaluate(
        """([event, content]) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], 'one.png', { type: 'image/png' }));
            const made = event === 'paste'
                ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true })
                : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
            document.body.dispatchEvent(made);
        }""",
        [event, base64.b64encode(picture).decode()],
    )
    expect(ready.page.locator("#verdict-label")).to_have_text("1")


def test_a_file_that_is_not_a_picture(ready):
    ready.page.set_input_files(
        "#file", {"name": "notes.png", "mimeType": "image/png", "buffer": b"not a picture"}
    )
    assert (
        ready.failure()
        == "notes.png cannot be read as a picture: "
        "choose a PNG, JPEG, GIF or WebP file."
    )


def test_an_empty_sheet_holds_no_digit(ready):
    picture = base64.b64decode(ready.page.evaluate(PHOTOGRAPH, [[], "image/png"]))
    ready.page.set_input_files(
        "#file", {"name": "empty.png", "mimeType": "image/png", "buffer": picture}
    )
    expect(ready.page.locator("#verdict-text")).to_contain_text(
        "No digit found in this picture"
    )


def test_the_camera_starts_and_stops(visit):
    visitor = visit(permissions=["camera"])
    page = visitor.ready()
    page.click("#camera")
    expect(page.locator("#camera")).to_have_text("Stop camera")
    expect(page.locator("#camera-view")).to_be_visible()
    page.click("#undo")
    expect(page.locator("#hint")).to_be_hidden()
    # The test picture may resemble a digit.
    expect(page.locator("#verdict-text")).not_to_have_text(NOTHING)
    page.click("#camera")
    expect(page.locator("#camera")).to_have_text("Camera")
    expect(page.locator("#camera-view")).to_be_hidden()
    expect(page.locator("#verdict-text")).to_have_text(NOTHING)
    assert visitor.complaints == []
