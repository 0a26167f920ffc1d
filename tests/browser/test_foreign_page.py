"""The artifact on a page without our code."""

import http.server
import json
import shutil
import threading
from functools import partial

import pytest

from web_demo.site import PAGE

PACKAGES = PAGE.parent / "node_modules/@tensorflow"
SCRIPTS = ["tfjs-core/dist/tf-core", "tfjs-converter/dist/tf-converter",
           "tfjs-backend-cpu/dist/tf-backend-cpu"]

FOREIGN = """<!doctype html>
<script src="tf-core.js"></script>
<script src="tf-converter.js"></script>
<script src="tf-backend-cpu.js"></script>
<script>
(async () => {
  const model = await tf.loadGraphModel('DARTS-digits/tfjs/model.json');
  const raw = await (await fetch('DARTS-digits/fixtures/input.bin')).arrayBuffer();
  const {logits, probabilities} = model.predict(tf.tensor(new Float32Array(raw), [10, 8, 8, 1]));
  window.result = {logits: await logits.array(), sums: await tf.sum(probabilities, 1).array(),
                   labels: model.metadata.zoo.labels};
})();
</script>
"""


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def foreign_url(tmp_path, artifact, page_folder):
    if not PACKAGES.is_dir():
        pytest.fail("the page's packages are not installed: run `make page`")
    for script in SCRIPTS:
        shutil.copy(PACKAGES / f"{script}.min.js", tmp_path / f"{script.split('/')[-1]}.js")
    shutil.copytree(artifact, tmp_path / "DARTS-digits")
    (tmp_path / "index.html").write_text(FOREIGN)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_three_lines_of_tensorflow_js(foreign_url, browser, artifact):
    import numpy as np

    page = browser.new_page()
    page.goto(foreign_url)
    page.wait_for_function("window.result", timeout=60_000)
    result = page.evaluate("window.result")
    page.close()
    expected = np.fromfile(artifact / "fixtures/logits.bin", "<f4").reshape(10, 10)
    np.testing.assert_allclose(result["logits"], expected, atol=1e-5)
    np.testing.assert_allclose(result["sums"], 1, atol=1e-5)
    assert result["labels"] == json.loads((artifact / "manifest.json").read_text())["labels"]
