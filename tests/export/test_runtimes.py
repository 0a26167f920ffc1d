"""The runtimes of the table, and a new one, run an artifact."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from export.checks import doctor, verify
from export.formats import onnx
from export.formats.base import FORMATS
from export.runtimes.base import RUNTIMES, Outcome, Runtime, find_runtime
from zoo.artifact.folder import ArtifactError
from zoo.cli import app


def zoo(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def plain(text):
    return " ".join(text.split())


def test_a_new_runtime(artifact, monkeypatch):
    """A runtime is a value in the table: verify runs it; doctor, bench and help name it."""
    monkeypatch.setitem(RUNTIMES, "own", Runtime(
        "own", "onnx", ("cpu",), ("onnx",), title="My runtime",
        load=lambda place, backend, threads: onnx.load(place)))
    result = zoo("verify", artifact, "--runtime", "own")
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("own cpu")]
    assert line.endswith("agrees")
    found = {check.hop: check for check in doctor.checks()}
    assert found["verify in My runtime"].ok
    assert "own (onnx)" in plain(zoo("verify", "--help").stdout)
    assert "node or own, or all:" in plain(zoo("bench", "--help").stdout)
    timed = zoo("bench", "DARTS", "--channels", 4, "--layers", 3, "--runs", 2, "--runtime", "own")
    assert "My runtime ms" in timed.stdout, timed.output
    assert "node, own" in zoo("verify", artifact, "--runtime", "owm").stderr


def test_wrong_numbers_in_a_runtime_fail(artifact, monkeypatch):
    def load(place, backend, threads):
        run = onnx.load(place)
        return lambda inputs: {name: value + np.float32(backend == "wrong")
                               for name, value in run(inputs).items()}

    monkeypatch.setitem(RUNTIMES, "own", Runtime("own", "onnx", ("right", "wrong"), load=load))
    right, wrong = verify.in_runtime(artifact, "own")
    assert (right.name, right.failed) == ("own right", False) and right.difference <= right.limit
    assert wrong.failed and "differs by" in wrong.verdict
    result = zoo("verify", artifact, "--runtime", "own", "--backend", "wrong")
    assert result.exit_code == 1 and "verification failed: own wrong" in result.stderr


def test_a_runtime_outside_this_process(artifact, monkeypatch):
    """A missing backend fails only if it is requested by name."""
    def outcomes(place, backends):
        assert place == artifact
        return [Outcome(name, name == "here", None if name == "here" else "no such card",
                        name == "here", 1e-7, 1e-5, 2.0, None) for name in backends]

    own = Runtime("own", "tfjs", ("here", "gone"), verify=outcomes, found=lambda: "own 1.0")
    monkeypatch.setitem(RUNTIMES, "own", own)
    for asked, failed in ((None, False), (["gone"], True)):
        gone = verify.in_runtime(artifact, "own", asked)[-1]
        assert (gone.verdict, gone.failed) == ("unavailable: no such card", failed)
    (here,) = verify.in_runtime(artifact, "own", ["here"])
    assert (here.verdict, here.difference, here.failed) == ("agrees", 1e-7, False)
    monkeypatch.setitem(RUNTIMES, "own", replace(own, verify=lambda *_: [
        Outcome("here", True, None, False, 1.0, 1e-5, 2.0, None)]))
    (differs,) = verify.in_runtime(artifact, "own", ["here"])
    assert differs.verdict == "differs" and differs.failed


@pytest.mark.parametrize("name", [name for name, each in RUNTIMES.items() if each.load])
def test_the_runtimes_of_python_agree(name, artifact):
    (row,) = verify.in_runtime(artifact, name)
    assert (row.name, row.verdict) == (f"{name} cpu", "agrees")
    assert row.difference <= row.limit < 1e-4  # 1e-5 of the largest logit


def test_an_artifact_without_the_format(artifact, tmp_path):
    copy = shutil.copytree(artifact, tmp_path / "copy")
    shutil.rmtree(copy / "tflite")
    with pytest.raises(ArtifactError, match="holds no tflite, which tflite reads"):
        verify.in_runtime(copy, "tflite")


def test_the_table_is_consistent():
    for name, runtime in RUNTIMES.items():
        assert find_runtime(name) is runtime and runtime.name == name
        assert runtime.reads in FORMATS and runtime.backends
    with pytest.raises(ValueError, match="either load or verify"):
        Runtime("own", "onnx", ("cpu",))


@pytest.mark.parametrize("command", ["build", "verify", "bench", "doctor"])
def test_help_imports_nothing_heavy(command):
    code = ("import sys\nfrom zoo.cli import app\n"
            f"app(['{command}', '--help'], standalone_mode=False)\n"
            "print({'torch', 'tensorflow', 'onnx', 'numpy', 'playwright'} & set(sys.modules))")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.endswith("set()\n"), result.stdout + result.stderr
