"""If the browser takes a backend away, or one does not start, the page continues with another."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

# Records the contexts that a worker creates, so that a test can lose one.
CONTEXTS = """
    self.contexts = [];
    const get = OffscreenCanvas.prototype.getContext;
    OffscreenCanvas.prototype.getContext = function (name, ...rest) {
        const context = get.call(this, name, ...rest);
        if (String(name).startsWith('webgl') && context) self.contexts.push(context);
        return context;
    };
"""
LOSE = (
    "self.contexts.filter((c) => !c.isContextLost()).forEach((c) => "
    "c.getExtension('WEBGL_lose_context').loseContext())"
)


def test_a_replaced_backend_frees_its_memory(visit):
    """Its worker ends, which frees the memory of the runtime."""
    visitor = visit()
    page = visitor.ready("webgl")
    (left,) = visitor.workers()
    with page.expect_event("worker"), left.expect_event("close"):
        page.click("#backends input[value=cpu]")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    assert len(page.workers) == 1
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    assert visitor.answer() == "1"


def test_a_lost_webgl_context_is_replaced(visit):
    visitor = visit()
    visitor.in_workers(CONTEXTS)
    page = visitor.ready("webgl")
    visitor.in_network(LOSE)
    assert visitor.failure() == (
        "The browser lost the WebGL context (driver restart or too many pages). "
        "Switched to WebAssembly; reload the page to try WebGL again."
    )
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    expect(page.locator("#backends input[value=webgl]")).to_be_disabled()
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4"


# The moment when TensorFlow.js starts to wait for results.
LOSE_WHILE_READ = """
    const fence = WebGL2RenderingContext.prototype.fenceSync;
    WebGL2RenderingContext.prototype.fenceSync = function (...rest) {
        const sync = fence.apply(this, rest);
        if (self.loseNow) this.getExtension('WEBGL_lose_context').loseContext();
        return sync;
    };
"""


def test_a_crashed_worker_is_replaced(visit):
    visitor = visit()
    page = visitor.ready("wasm")
    visitor.in_network("void setTimeout(() => { throw new Error('no memory'); })")
    assert visitor.failure() == (
        "TF.js on wasm crashed (Uncaught Error: no memory). Switched to JavaScript; reload the "
        "page to try WebAssembly again."
    )
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4" and visitor.complaints == []


def test_a_worker_that_does_not_start_is_replaced(visit):
    visitor, asked = visit(), []
    page = visitor.page

    def fail_once(route):
        asked.append(route)
        route.fulfill(status=404) if len(asked) == 1 else route.continue_()

    page.route("**/assets/worker-*.js", fail_once)
    visitor.open("?backend=wasm")
    assert visitor.failure().startswith(
        "TF.js on wasm crashed (its worker did not start). Switched to JavaScript")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)


@pytest.mark.parametrize("first_run", [True, False])
def test_a_webgl_context_that_is_lost_in_the_middle_of_a_run_is_replaced(visit, first_run):
    visitor = visit()
    visitor.in_workers(LOSE_WHILE_READ + f"self.loseNow = {str(first_run).lower()};")
    page = visitor.page
    if first_run:
        visitor.open("?backend=webgl")
    else:
        visitor.ready("webgl")
        visitor.in_network("self.loseNow = true")
        page.locator("#samples button").nth(4).click()
    goes_on_to_answer_4(visitor, first_run)


def goes_on_to_answer_4(visitor, first_run):
    """The page continues on WebAssembly; in the first run there is no request yet."""
    page = visitor.page
    assert "Switched to WebAssembly" in visitor.failure()
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    if first_run:
        page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4"
    assert visitor.complaints == []


# Holds results back while `self.slow` is true.
SLOW = CONTEXTS + """
    const wait = WebGL2RenderingContext.prototype.clientWaitSync;
    WebGL2RenderingContext.prototype.clientWaitSync = function (...rest) {
        return self.slow ? this.TIMEOUT_EXPIRED : wait.apply(this, rest);
    };
"""


@pytest.mark.parametrize("first_run", [True, False])
def test_a_webgl_context_that_is_lost_before_its_results(visit, first_run):
    visitor = visit()
    page = visitor.page
    visitor.in_workers(SLOW + f"self.slow = {str(first_run).lower()};")
    if first_run:
        visitor.open("?backend=webgl")
        expect(page.locator("#loading-text")).to_contain_text("Comparing WebGL",
                                                              timeout=120_000)
    else:
        visitor.ready("webgl")
        visitor.in_network("self.slow = true")
        page.locator("#samples button").nth(4).click()
        expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
    visitor.in_network(LOSE)
    goes_on_to_answer_4(visitor, first_run)


def test_another_backend_does_not_wait_for_a_slow_answer(visit):
    visitor = visit()
    page = visitor.page
    visitor.in_workers(SLOW)
    visitor.ready("webgl")
    visitor.in_network("self.slow = true")
    page.locator("#samples button").nth(4).click()
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
    page.click("#backends input[value=wasm]")
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    assert visitor.answer() == "4"
    page.locator("#samples button").nth(7).click()
    assert visitor.answer() == "7"
    assert page.locator("#failure").is_hidden() and visitor.complaints == []


def test_another_backend_does_not_wait_for_first_runs(visit):
    visitor = visit()
    page = visitor.page
    visitor.in_workers(SLOW + "self.slow = true;")
    visitor.open("?backend=webgl")
    expect(page.locator("#loading-text")).to_contain_text("Comparing WebGL", timeout=120_000)
    page.click("#backends input[value=wasm]")
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4"
    assert page.locator("#failure").is_hidden() and visitor.complaints == []


def test_a_click_comes_between_two_first_runs(visit):
    visitor = visit()
    page = visitor.page
    page.add_init_script("""
        window.turns = 0;
        setInterval(() => {
            const text = document.querySelector('#loading-text')?.textContent;
            if (text?.startsWith('Comparing')) window.turns += 1;
        }, 1);
    """)
    visitor.ready("cpu")
    assert page.evaluate("window.turns") >= 5


def test_a_backend_that_cannot_be_probed(visit):
    visitor = visit()
    visitor.page.add_init_script("""
        const get = OffscreenCanvas.prototype.getContext;
        OffscreenCanvas.prototype.getContext = function (name, ...rest) {
            if (name === 'webgl2') throw new Error('no memory');
            return get.call(this, name, ...rest);
        };
    """)
    page = visitor.ready("wasm")
    assert "Not available: detection failed (no memory)" in page.inner_text("#backends")


NO_DEVICE = """
    if (globalThis.GPUAdapter)
        GPUAdapter.prototype.requestDevice = async () => { throw new Error('no memory'); };
"""


def test_a_webgpu_that_does_not_start_is_replaced(visit):
    visitor = visit()
    visitor.in_workers(NO_DEVICE)
    visitor.open("?backend=webgpu")
    assert visitor.failure() == (
        "WebGPU did not start (not supported by this browser). Switched to WebAssembly; reload "
        "the page to try WebGPU again."
    )
    visitor.page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    assert "Not available: did not start" in visitor.page.inner_text("#backends")


def test_keyboard_focus_stays_in_the_list_of_backends(visit):
    visitor = visit()
    visitor.in_workers(NO_DEVICE)
    page = visitor.ready("wasm")
    page.focus("#backends input[value=webgpu]")
    page.keyboard.press("Space")
    assert "did not start" in visitor.failure()
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    expect(page.locator("#backends input[value=wasm]")).to_be_focused()


def test_a_failed_run_stays_reported_until_another_backend_is_chosen(visit):
    visitor = visit()
    visitor.in_workers("""
        WebGL2RenderingContext.prototype.fenceSync = () => { throw new Error('no fence'); };
    """)
    visitor.open("?backend=webgl")
    shown = visitor.failure()
    assert "no fence" in shown
    page = visitor.page
    page.locator("#samples button").nth(4).click()
    page.click("#camera")
    visitor.draw([(0.5, 0.2), (0.5, 0.8)])
    assert visitor.failure() == shown
    page.click("#backends input[value=cpu]")
    page.wait_for_selector("body[data-ready=cpu]", timeout=120_000)
    assert page.locator("#failure").is_hidden()
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4"


def test_a_lost_webgpu_device_is_replaced(visit):
    visitor = visit()
    visitor.in_workers("""
        if (globalThis.GPUAdapter) {
            const request = GPUAdapter.prototype.requestDevice;
            GPUAdapter.prototype.requestDevice = async function (...rest) {
                const device = await request.apply(this, rest);
                const lost = new Promise((resolve) => (self.loseDevice = resolve));
                Object.defineProperty(device, 'lost', { value: lost });
                return device;
            };
        }
    """)
    page = visitor.ready("webgpu")
    visitor.in_network("self.loseDevice({ reason: 'unknown', message: '' })")
    assert visitor.failure().startswith("The browser lost the WebGPU device")
    page.wait_for_selector("body[data-ready=wasm]", timeout=120_000)
    page.locator("#samples button").nth(7).click()
    assert visitor.answer() == "7"
