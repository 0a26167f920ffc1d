"""Shaders compile in parallel if the browser can; faked, because emulated GPUs cannot."""

from __future__ import annotations

# The WebGL extension: every program is ready at the second query.
PARALLEL = """
    self.asked = new Map();
    const prototype = WebGL2RenderingContext.prototype;
    const { getExtension, getProgramParameter } = prototype;
    prototype.getExtension = function (name) {
        const parallel = name === 'KHR_parallel_shader_compile';
        return parallel ? { COMPLETION_STATUS_KHR: 0x91b1 } : getExtension.call(this, name);
    };
    prototype.getProgramParameter = function (program, name) {
        if (name !== 0x91b1) return getProgramParameter.call(this, program, name);
        self.asked.set(program, (self.asked.get(program) ?? 0) + 1);
        return self.asked.get(program) > 1;
    };
"""


# The tenth program fails, once.
BROKEN = """
    let made = 0;
    const { createProgram } = WebGL2RenderingContext.prototype;
    WebGL2RenderingContext.prototype.createProgram = function () {
        if (++made === 10) throw new Error('no more programs');
        return createProgram.call(this);
    };
"""


def test_all_shaders_are_compiled_before_the_first_run(visit):
    visitor = visit()
    visitor.in_workers(PARALLEL)
    page = visitor.ready("webgl")
    asked = visitor.in_network("[...self.asked.values()]")
    assert len(asked) > 20 and set(asked) == {2}
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4"


def test_a_network_runs_even_if_its_shaders_are_not_all_compiled_ahead(visit):
    visitor = visit()
    visitor.in_workers(PARALLEL + BROKEN)
    page = visitor.ready("webgl")
    assert len(visitor.in_network("[...self.asked.values()]")) == 9
    page.locator("#samples button").nth(4).click()
    assert visitor.answer() == "4"
    assert page.inner_text("#parity").startswith("✓") and visitor.complaints == []
