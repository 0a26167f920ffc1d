"""The wheel in an empty environment: its content, and that its commands run.

Downloads packages from PyPI, as `make install` does.
"""

import json
import os
import shutil
import signal
import subprocess
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest
from typer.main import get_command

from export.formats import shims
from search.cli import app as search
from web_demo.site import PAGE
from zoo.cli import COMMANDS

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("wheel")]
# Generated in a clone, and not part of the package; the folders at its top only.
MADE = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "*.egg-info")
MADE_FOLDERS = {"build", "exports", "runs", "site"}


def made(folder, names):
    """The names in `folder` that a copy of the tree leaves out."""
    return MADE(folder, names) | (MADE_FOLDERS & set(names) if Path(folder) == ROOT else set())


class Environment:
    """A virtual environment, and a folder in which its programs run."""

    def __init__(self, folder):
        self.programs, self.here = folder / "venv/bin", folder / "here"
        self.here.mkdir()
        venv.create(folder / "venv", with_pip=True)
        self.variables = {name: value for name, value in os.environ.items()
                          if name not in ("PYTHONPATH", "PYTHONHOME")}
        self.variables["GENOTYPE_ZOO_DATA"] = str(folder / "data")

    def start(self, program, *words):
        return subprocess.Popen([self.programs / program, *map(str, words)], cwd=self.here,
                                env=self.variables, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def run(self, program, *words):
        process = self.start(program, *words)
        printed, complaints = process.communicate()
        assert process.returncode == 0, f"{program} {words}\n{printed[-2000:]}{complaints[-2000:]}"
        return printed

    def install(self, *packages):
        self.run("pip", "install", "--quiet", "-c", ROOT / "constraints.txt", *packages)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return Environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="module")
def wheel(environment, tmp_path_factory):
    """The wheel of `make wheel`, from a copy of the tree."""
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: run make page")
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", ignore=made)
    environment.install("build")
    environment.run("python", "-m", "build", "--outdir", folder / "dist", folder / "source")
    (file,) = (folder / "dist").glob("*.whl")
    return file


def test_the_wheel_has_all_data_files(wheel):
    files = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("zoo", "search", "export", "web_demo/dist", "web_demo/tools"):
        for file in (ROOT / folder).rglob("*"):
            # TypeScript is for the build of the page.
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".ts":
                assert str(file.relative_to(ROOT)) in files
    folders = {name.partition("/")[0] for name in files if ".dist-info" not in name}
    assert folders == {"zoo", "search", "export", "web_demo"}


def test_the_wheel_can_be_uploaded(wheel):
    """PyPI takes files of up to 100 MB (https://docs.pypi.org/project-management/storage-limits)."""
    assert wheel.stat().st_size < 100e6


def test_its_commands_run(wheel, environment):
    environment.install("torch")  # first and alone, as in the Makefile
    environment.install(f"{wheel}[all]")
    assert "DARTS_V2" in environment.run("zoo", "list")
    for program, commands in (("zoo", COMMANDS), ("search", get_command(search).commands)):
        for command in commands:
            assert "Example:" in environment.run(program, command, "--help")
    environment.run("zoo", "build", "DARTS", "--export", "onnx")  # with shipped weights
    manifest = json.loads((environment.here / "exports/DARTS-digits/manifest.json").read_text())
    assert manifest["trained"] and "onnx/model.onnx" in manifest["files"]

    *_, command = environment.run("zoo", "doctor").splitlines()
    assert command.strip() == shims.NO_DEPS_COMMAND
    fixed = environment.run("zoo", "doctor", "--fix", "--yes")
    assert f"-m {command.strip()}" in fixed
    assert "need no fix" in environment.run("zoo", "doctor", "--fix")

    environment.run("zoo", "build", "DARTS", "--export", "tfjs")
    demo = environment.start("zoo", "demo", "--port", 0)
    try:
        address = demo.stdout.readline().split()[0]
        with urllib.request.urlopen(f"{address}models/index.json") as answer:
            assert "DARTS-digits" in json.dumps(json.load(answer))
        with urllib.request.urlopen(address) as answer:
            assert b"<script" in answer.read()
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0
