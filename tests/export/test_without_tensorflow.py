"""Commands without TensorFlow, as on a Python without a TensorFlow release."""

import os
import subprocess
import sys

import pytest

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
