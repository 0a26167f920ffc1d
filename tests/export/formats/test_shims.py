"""The stand-ins for what onnx-tf and tensorflowjs import: each still needed, none left behind."""

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

# What the plain wheels say today to a stack without the name.
SAYS = {
    "onnx.mapping": "cannot import name 'mapping' from 'onnx'",
    "onnx.helper.mapping": "cannot import name 'mapping' from 'onnx.helper'",
    "jax.experimental.jax2tf": "cannot import name 'jax2tf' from 'jax.experimental'",
}


def python(code: str) -> dict:
    """What `code` prints last, as JSON, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module", params=PACKAGES)
def errors(request):
    """(package, what its import says without each stand-in in turn)."""
    package = request.param
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    table, module = PACKAGES[package]
    return package, python(f"""
import importlib, json, sys
import tensorflow, keras
from export.formats import shims
table = shims.{"FOR_ONNX_TF" if package == "onnx_tf" else "FOR_TENSORFLOWJS"}
said = {{}}
for name in table:
    others = {{key: value for key, value in table.items() if key != name}}
    try:
        with shims.standing_in(others):
            importlib.import_module({module!r})
        said[name] = None
    except ImportError as error:
        said[name] = str(error)
    for loaded in [key for key in sys.modules if key.split('.')[0] == {package!r}]:
        del sys.modules[loaded]
print(json.dumps(said))
""")


def test_every_stand_in_is_still_needed(errors):
    package, said = errors
    needless = [name for name in said if said[name] is None and not shims.is_installed(name)]
    assert not needless, (
        f"{package} imports without {needless}: take them out of export/formats/shims.py")
    for name, message in said.items():
        if message is not None:
            assert SAYS.get(name, f"No module named '{name}'") in message


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_fake_stays(package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    function = "onnx_tf" if package == "onnx_tf" else "tensorflowjs_converter"
    left = python(f"""
import json, sys
from export.formats import shims
module = shims.{function}()
assert shims.{function}() is module
import onnx, keras
names = [*shims.FOR_ONNX_TF, *shims.FOR_TENSORFLOWJS]
fake = [name for name in names if name in sys.modules and sys.modules[name].__spec__ is None]
fake += [name for name in names if name.startswith("onnx.")
         and hasattr(sys.modules[name.rpartition(".")[0]], "mapping")]
print(json.dumps([module.__name__, fake]))
""")
    assert left == [PACKAGES[package][1], []]


def test_installed_packages_are_not_stood_in_for():
    import json as real

    with shims.standing_in({"json": dict, "zoo_no_such_module": lambda: {"answer": 42}}):
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
    with pytest.raises(shims.MissingPackageError, match="cannot be imported here.*'gone'.*pip"):
        shims.tensorflowjs_converter()
