"""README, pages and notebooks are valid: commands parse; Python, JavaScript and recipes run."""

import http.server
import json
import re
import shlex
import shutil
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

import export
import search.cli
import zoo
import zoo.cli
from tests.docs.apart import apart
from tests.zoo.latency.test_profile import profile
from web_demo.site import PAGE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {"README.md": README} | {
    page.name: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))}
NOTEBOOKS = ["".join(cell["source"]) for path in sorted((ROOT / "examples").glob("*.ipynb"))
             for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
             if cell["cell_type"] == "markdown"]
APPS = {"zoo": zoo.cli.app, "search": search.cli.app}
GROUPS = {name: typer.main.get_command(app) for name, app in APPS.items()}


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(text):
    """Lines of shell blocks and inline code that begin with one of our commands."""
    shell = "\n".join(blocks(text, "sh"))
    lines = shell.splitlines()
    lines += re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.M))
    for line in lines:
        line = re.sub(r"^torchrun --nproc-per-node \d+ -m ", "", " ".join(line.split()))
        words = shlex.split(re.sub(r"[\[\]]|\.\.\.", "", line), comments=True)
        if len(words) > 1 and words[0] in GROUPS:
            yield words


CALLS = sorted({tuple(words) for text in [*PAGES.values(), *NOTEBOOKS]
                for words in commands(text)})


def test_readme_is_short():
    assert len(README.splitlines()) <= 130


def test_readme_names_every_command():
    for program, group in GROUPS.items():
        named = {call[1] for call in commands(README) if call[0] == program}
        if program == "search":
            named |= {"show", "plot"}  # in one row with `search list`
        assert set(group.commands) <= named


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_command_and_its_options_exist(call):
    program, name, *words = call
    command = GROUPS[program].get_command(None, name)
    assert command, f"{program} has no command {name}"
    if words:  # not only the name of a command; raises a usage error if it cannot be parsed
        command.make_context(name, list(words))


@pytest.fixture
def pushed(hub, tmp_path):
    """The repository of docs/sharing.md, on a hub on this machine."""
    folder = tmp_path / "pushed"
    export.export(zoo.create_model("DARTS", weights="digits"), "onnx", folder)
    hub.add("USER/DARTS-digits", {path.relative_to(folder).as_posix(): path.read_bytes()
                                  for path in folder.rglob("*") if path.is_file()})


@pytest.fixture
def profiled(tmp_path):
    """The profile of docs/latency.md."""
    profile("conv").write(tmp_path / "profile.json")


#: Fixtures with the files that the code of a page reads.
READS = {"sharing.md": "pushed", "latency.md": "profiled"}


@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if blocks(text, "python")])
def test_python_runs(page, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "data"))
    if page in READS:
        request.getfixturevalue(READS[page])
    for code in blocks(PAGES[page], "python"):
        exec(compile(code, page, "exec"), {})
    if page == "README.md":
        assert {"onnx", "tfjs"} <= {path.name for path in (tmp_path / "exports/mine").iterdir()}
        assert zoo.list_cells("MINE") == ["MINE"]


# --- the recipes ----------------------------------------------------------------------------

RECIPES = dict(zip(("published", "photos", "search", "checkpoint"),
                   blocks(README[README.index("## Recipes"):], "sh")))
TINY = "--epochs 1 --channels 4 --layers 3"
#: Options added to a command to make it short.
ADDED = {"search run": TINY, "zoo train DARTS1_DIGITS_0 --data digits": TINY,
         "zoo demo exports": "--build page"}


def photos(folder):
    """Reddish and bluish noise, as photos of two classes."""
    noise = np.random.default_rng(0)
    for split, count in (("train", 8), ("test", 2)):
        for name, color in (("cats", (200, 80, 60)), ("dogs", (60, 120, 200))):
            place = folder / "my_photos" / split / name
            place.mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(noise.normal(0, 40, (60, 80, 3)) + color, 0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number}.jpg")


def checkpoint(folder):
    model = zoo.create_model("DARTS_V2", channels=4, layers=5, num_classes=10, auxiliary=True)
    torch.save({"state_dict": model.state_dict()}, folder / "official.pt")


@pytest.fixture
def carry_out(tmp_path, monkeypatch):
    """Run each line of a recipe in the test's folder, with an empty user zoo."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "data"))

    def run(recipe):
        for line in recipe.splitlines():
            program, *words = shlex.split(line, comments=True)
            words += ADDED.get(shlex.join([program, *words]), "").split()
            done = CliRunner().invoke(APPS[program], words, prog_name=program)
            assert done.exit_code == 0, f"{line}\n{done.output}"

    return run


def test_a_checkpoint_is_imported_and_exported(tmp_path, carry_out):
    checkpoint(tmp_path)
    carry_out(RECIPES["checkpoint"])
    (made,) = (tmp_path / "exports").iterdir()
    assert (made / "onnx/model.onnx").is_file() and (made / "tfjs/model.json").is_file()


@pytest.mark.slow
def test_photos_become_a_page(tmp_path, carry_out):
    photos(tmp_path)
    carry_out(RECIPES["photos"])
    assert (tmp_path / "page/models/DARTS_V2-folder/tfjs/model.json").is_file()


@pytest.mark.slow
def test_a_cell_is_searched_trained_and_exported(tmp_path, carry_out):
    carry_out(RECIPES["search"])
    assert (tmp_path / "cell.svg").is_file()
    assert (tmp_path / "exports/DARTS1_DIGITS_0-digits/tfjs/model.json").is_file()


# --- in your own page -----------------------------------------------------------------------

SCRIPTS = ("tfjs-core/dist/tf-core.min.js", "tfjs-converter/dist/tf-converter.min.js",
           "tfjs-backend-cpu/dist/tf-backend-cpu.min.js")


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.mark.slow
def test_a_published_cell_runs_in_pages(tmp_path, carry_out):
    """The first recipe, then the JavaScript of the README and of the artifact's card, and the page
    of docs/browser.md, on an image whose size and shape differ from the network's."""
    from playwright.sync_api import sync_playwright

    from web_demo.chromium import launch

    carry_out(RECIPES["published"])
    shutil.copytree(tmp_path / "exports/DARTS-digits/tfjs", tmp_path / "tfjs")
    pixels = np.random.default_rng(0).integers(0, 256, (300, 401, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "picture.jpg")
    tags = ""
    for script in SCRIPTS:
        name = shutil.copy(PAGE.parent / "node_modules/@tensorflow" / script, tmp_path)
        tags += f'<script src="{Path(name).name}"></script>'
    card = (tmp_path / "exports/DARTS-digits/README.md").read_text()
    (page,) = blocks(PAGES["browser.md"], "html")
    for name, picture, text in (("readme", "picture.jpg", README), ("card", "picture.jpg", card)):
        (code,) = blocks(text, "js")
        (tmp_path / f"{name}.html").write_text(
            f'{tags}<img id="picture" src="{picture}"><script>async function run(image) {{ {code} '
            "return (await tf.sum(probabilities).array()); }</script>")
    (tmp_path / "docs.html").write_text(
        page.replace('<script src="tf.min.js"></script>', tags))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    def visit():
        with sync_playwright() as playwright:
            tab = launch(playwright).new_page()
            for name in ("readme", "card"):
                tab.goto(f"http://127.0.0.1:{server.server_port}/{name}.html")
                total = tab.evaluate("run(document.getElementById('picture'))")
                assert total == pytest.approx(1, abs=1e-4)
            tab.goto(f"http://127.0.0.1:{server.server_port}/docs.html")
            tab.wait_for_function("document.title in [...Array(10).keys()]")

    try:
        apart(visit)
    finally:
        server.shutdown()
        server.server_close()
