"""The import stubs for onnx-tf and tensorflowjs: each is still needed, none stays loaded."""

import importlib.util
import json
import subprocess
import sys

import pytest

from export.formats import shims

pytest.importorskip("tensorflow")

PACKAGES = {
    "onnx_tf": (shims.FOR_ONNX_TF, "onnx_tf.backend"),
    "tensorflowjs": (shims.FOR_TENSORFLOWJS,
                     "tensorflowjs.converters.tf_saved_model_conversion_v2"),
}

# The error of the plain wheels without each name.
SAYS = {
    "onnx.mapping": "cannot import name 'mapping' from 'onnx'",
    "onnx.helper.mapping": "cannot import name 'mapping' from 'onnx.helper'",
    "jax.experimental.jax2tf": "cannot import name 'jax2tf' from 'jax.experimental'",
}


# Imports TensorFlow, then runs each part in a forked process and prints their outputs as the values
# of one JSON object.
APART = """
import importlib, json, os, sys
import tensorflow, keras
from export.formats import shims
parts = json.loads(sys.stdin.read())
errors = {}
for name, code in parts.items():
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(theirs, 1)
        exec(code)
        sys.stdout.flush()
        os._exit(0)
    os.close(theirs)
    with open(ours) as pipe:
        lines = pipe.read().splitlines()
    assert os.waitpid(child, 0)[1] == 0, name
    errors[name] = json.loads(lines[-1])
print(json.dumps(errors))
"""

WITHOUT_EACH = """
errors = {{}}
for name in table:
    others = {{key: value for key, value in table.items() if key != name}}
    try:
        with shims.stubbed(others):
            importlib.import_module({module!r})
        errors[name] = None
    except ImportError as error:
        errors[name] = str(error)
    for loaded in [key for key in sys.modules if key.split('.')[0] == {package!r}]:
        del sys.modules[loaded]
print(json.dumps(errors))
"""

LEFT = """
module = shims.{function}()
assert shims.{function}() is module
import onnx
names = [*shims.FOR_ONNX_TF, *shims.FOR_TENSORFLOWJS]
fake = [name for name in names if name in sys.modules and sys.modules[name].__spec__ is None]
fake += [name for name in names if name.startswith("onnx.")
         and hasattr(sys.modules[name.rpartition(".")[0]], "mapping")]
print(json.dumps([module.__name__, fake]))
"""
LOADED = {"onnx_tf": "onnx_tf", "tensorflowjs": "tensorflowjs_converter"}
TABLES = {"onnx_tf": "FOR_ONNX_TF", "tensorflowjs": "FOR_TENSORFLOWJS"}


@pytest.fixture(scope="module")
def imports():
    """By (package, "without each"), the import errors without each stub in turn; by (package,
    "left"), the module loaded with all stubs, and the stubs that remain."""
    parts = {}
    for package in PACKAGES:
        if importlib.util.find_spec(package) is not None:
            parts[f"{package}: without each"] = f"table = shims.{TABLES[package]}" + (
                WITHOUT_EACH.format(module=PACKAGES[package][1], package=package))
            parts[f"{package}: left"] = LEFT.format(function=LOADED[package])
    done = subprocess.run([sys.executable, "-c", APART], input=json.dumps(parts), timeout=300,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {tuple(name.split(": ")): value
            for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_stub_is_still_needed(package, imports):
    errors = imports.get((package, "without each"))
    if errors is None:
        pytest.skip(f"{package} is not installed")
    needless = [name for name in errors if errors[name] is None and not shims.is_installed(name)]
    assert not needless, (
        f"{package} imports without {needless}: take them out of export/formats/shims.py")
    for name, message in errors.items():
        if message is not None:
            assert SAYS.get(name, f"No module named '{name}'") in message


@pytest.mark.parametrize("package", PACKAGES)
def test_no_stub_stays_loaded(package, imports):
    left = imports.get((package, "left"))
    if left is None:
        pytest.skip(f"{package} is not installed")
    assert left == [PACKAGES[package][1], []]


def test_installed_packages_are_not_replaced():
    import json as real

    with shims.stubbed({"json": dict, "zoo_no_such_module": lambda: {"answer": 42}}):
        assert sys.modules["json"] is real
        assert sys.modules["zoo_no_such_module"].answer == 42
    assert "zoo_no_such_module" not in sys.modules


def test_the_tables_of_onnx():
    import numpy as np
    from onnx import TensorProto

    tables = shims.FOR_ONNX_TF["onnx.mapping"]()
    assert tables["TENSOR_TYPE_TO_NP_TYPE"][TensorProto.FLOAT] == np.float32
    assert tables["NP_TYPE_TO_TENSOR_TYPE"][np.dtype("int64")] == TensorProto.INT64
    assert tables["TENSOR_TYPE_TO_STORAGE_TENSOR_TYPE"][TensorProto.FLOAT16] == TensorProto.INT32
    assert tables["STORAGE_TENSOR_TYPE_TO_FIELD"][TensorProto.INT32] == "int32_data"


@pytest.mark.parametrize("load, package, remedy", [
    (shims.onnx_tf, "onnx_tf", "pip install --no-deps onnx-tf==1.10.0"),
    (shims.tensorflowjs_converter, "tensorflowjs", "pip install --no-deps tensorflowjs==4.22.0"),
    (shims.onnx_tf, "tensorflow", "pip install"),
])
def test_a_missing_package_is_named_with_its_remedy(monkeypatch, load, package, remedy):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec",
                        lambda name, *rest: None if name == package else find(name, *rest))
    with pytest.raises(shims.MissingPackageError) as raised:
        load()
    message = str(raised.value)
    assert package in message and remedy in message and "\n" not in message


def test_a_broken_package_says_why(monkeypatch):
    def broken(name):
        raise ImportError("cannot import name 'gone'")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(shims.MissingPackageError, match="cannot be imported .*'gone'.*pip"):
        shims.tensorflowjs_converter()
