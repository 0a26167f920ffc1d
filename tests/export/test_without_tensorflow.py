"""Commands without TensorFlow, as on a Python without a TensorFlow release."""

import os
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from export.checks import doctor
from export.formats import shims

# Python imports this module at start-up.
HIDING = """
import sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        hidden = name.partition(".")[0] in ("tensorflow", "tensorflowjs", "onnx_tf", "keras")
        return None if hidden else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(Hiding, sys.meta_path)
"""


@pytest.fixture
def zoo(tmp_path):
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding/sitecustomize.py").write_text(HIDING)
    path = os.pathsep.join([str(tmp_path / "hiding"), os.getcwd()])

    def run(*words):
        return subprocess.run([sys.executable, "-m", "zoo", *words], cwd=tmp_path, text=True,
                              capture_output=True, env=os.environ | {"PYTHONPATH": path})

    return run


def test_doctor_and_onnx_work_and_other_formats_name_the_package(zoo, tmp_path):
    *table, command = zoo("doctor").stdout.splitlines()
    assert command.strip() == shims.NO_DEPS_COMMAND
    rows = {row[:28].strip(): row[29:].split()[0] for row in table if row[29:].strip()}
    assert rows["PyTorch -> ONNX"] == rows["verify in ONNX Runtime"] == "yes"
    assert rows["ONNX -> TensorFlow"] == rows["TensorFlow -> TF.js"] == "no"
    built = zoo("build", "DARTS", "--export", "onnx", "-o", "artifact")
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "artifact/onnx/model.onnx").exists()
    refused = zoo("build", "DARTS", "--export", "tfjs", "-o", "other")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "tensorflow is not installed" in refused.stderr and not (tmp_path / "other").exists()


def test_a_python_without_tensorflow_is_named(monkeypatch):
    monkeypatch.setattr(shims.sys, "version_info", (3, 14, 0))
    monkeypatch.setattr(shims.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(shims.MissingPackageError, match="no release for this Python yet"):
        shims.require("tensorflow")
    assert doctor.without_dependencies() is None


@pytest.fixture
def without_converters(monkeypatch):
    """A machine without the two converters, until its pip has run; yields the calls of pip."""
    calls, status = [], [0]

    def run(words, check):
        calls.append(words)
        if not status[0]:
            monkeypatch.setattr(shims, "is_installed", lambda name: True)
        return subprocess.CompletedProcess(words, status[0])

    monkeypatch.setattr(shims, "is_installed", lambda name: False)
    monkeypatch.setattr(doctor, "checks", lambda: [
        doctor.Check("TensorFlow -> TF.js", shims.is_installed("tensorflowjs"), "a detail")])
    monkeypatch.setattr(doctor.subprocess, "run", run)
    return calls, status


def fix(*words, answer=None, monkeypatch=None):
    from zoo.cli import app

    if monkeypatch is not None:
        terminal = SimpleNamespace(isatty=lambda: True)
        monkeypatch.setattr("export.commands.doctor.sys", SimpleNamespace(stdin=terminal))
        monkeypatch.setattr("typer.confirm", lambda question: answer)
    return CliRunner().invoke(app, ["doctor", *words])


PIP = [sys.executable, "-m", "pip", "install", "--no-deps", *shims.NO_DEPS.values()]


@pytest.mark.parametrize("words, asks", [(["--fix"], True), (["--fix", "--yes"], False)])
def test_the_fix_runs_the_pip_of_this_python_and_checks_again(words, asks, without_converters,
                                                              monkeypatch):
    result = fix(*words, answer=True, monkeypatch=monkeypatch if asks else None)
    assert result.exit_code == 0 and without_converters[0] == [PIP]
    assert shlex.join(PIP) in result.stdout
    first, second = (line for line in result.stdout.splitlines() if line.startswith("TensorFlow"))
    assert (first.split()[3], second.split()[3]) == ("no", "yes")
    again = fix("--fix")
    assert "need no fix" in again.stdout and again.exit_code == 0
    assert without_converters[0] == [PIP]


def test_the_fix_asks_first(without_converters, monkeypatch):
    assert fix("--fix", answer=False, monkeypatch=monkeypatch).exit_code == 1
    assert without_converters[0] == []


@pytest.mark.parametrize("words, status, pip, reason", [
    (["--fix"], 0, True, "there is no terminal to ask on; run"),
    (["--fix", "--yes"], 1, True, "pip failed with status 1"),
    (["--fix", "--yes"], 0, False, "has no pip"),
    (["--yes"], 0, True, "add --fix"),
])
def test_a_fix_that_cannot_run_says_so_in_one_line(words, status, pip, reason, without_converters,
                                                   monkeypatch):
    without_converters[1][0] = status
    if not pip:
        monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    result = fix(*words)
    assert result.exit_code == 1 and reason in result.stderr
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("error: ")
