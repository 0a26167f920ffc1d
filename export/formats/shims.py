"""Makes the unmaintained packages onnx-tf 1.10.0 and tensorflowjs 4.22.0 importable.

Both wheels are installed with ``--no-deps``: their dependencies are discontinued
(tensorflow-addons), heavy (jax, decision forests) or fail to import.  The code paths used here need
none of them, so during the import a stub module replaces each one that is not installed.
tests/export/formats/test_shims.py fails as soon as upstream no longer needs this.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

#: The two wheels by import name, as pinned in constraints-no-deps.txt.
NO_DEPS = {"onnx_tf": "onnx-tf==1.10.0", "tensorflowjs": "tensorflowjs==4.22.0"}
#: Installs both.
NO_DEPS_COMMAND = f"pip install --no-deps {' '.join(NO_DEPS.values())}"
#: Installs a missing package.
REMEDY = {
    "onnx": "pip install 'genotype-zoo[export]'",
    "datasets": "pip install 'genotype-zoo[data]'",
    "onnxruntime": "pip install 'genotype-zoo[export]'",
    "tensorflow": "pip install 'genotype-zoo[export]'",
    **{name: f"pip install --no-deps {pin}" for name, pin in NO_DEPS.items()},
}


class MissingPackageError(ImportError):
    """A package that is not installed or cannot be imported; the message has the remedy."""


def tensorflow_is_released() -> bool:
    """Whether TensorFlow has wheels for this Python."""
    return sys.version_info < (3, 14)


def _remedy(package: str) -> str:
    """The install command; a user's format may need a package that is not in the table."""
    if package == "tensorflow" and not tensorflow_is_released():
        return "it has no release for this Python yet; use Python 3.10 to 3.13"
    return REMEDY.get(package, f"pip install {package}")


def require(package: str) -> None:
    """Raise MissingPackageError unless `package` is installed; imports nothing."""
    if importlib.util.find_spec(package) is None:
        raise MissingPackageError(f"{package} is not installed: {_remedy(package)}", name=package)


def onnx_tf() -> ModuleType:
    """``onnx_tf.backend`` of the unmodified wheel."""
    return _imported("onnx_tf", "onnx_tf.backend", FOR_ONNX_TF)


def tensorflowjs_converter() -> ModuleType:
    """``tensorflowjs.converters.tf_saved_model_conversion_v2`` of the unmodified wheel."""
    return _imported("tensorflowjs", "tensorflowjs.converters.tf_saved_model_conversion_v2",
                     FOR_TENSORFLOWJS)


def _onnx_tables() -> dict[str, dict]:
    """The tables of ``onnx.mapping`` used by onnx-tf, from the functions that replaced them."""
    from onnx import TensorProto, helper

    types = [t for t in helper.get_all_tensor_dtypes() if t != TensorProto.UNDEFINED]
    storage = {t: int(helper.tensor_dtype_to_storage_tensor_dtype(t)) for t in types}
    numpy = {t: helper.tensor_dtype_to_np_dtype(t) for t in types}
    # A storage type stores itself, except 16-bit and smaller types, which are stored as int32.
    fields = {t: helper.tensor_dtype_to_field(t) for t in types if storage[t] == t}
    return {
        "TENSOR_TYPE_TO_NP_TYPE": numpy,
        "NP_TYPE_TO_TENSOR_TYPE": {dtype: helper.np_dtype_to_tensor_dtype(dtype)
                                   for dtype in numpy.values()},
        "TENSOR_TYPE_TO_STORAGE_TENSOR_TYPE": storage,
        "STORAGE_TENSOR_TYPE_TO_FIELD": fields,
    }


Contents = Callable[[], dict[str, Any]]

# onnx-tf uses the tables of ``onnx.mapping``, removed in onnx 1.17, under two names; from
# tensorflow-addons (discontinued in 2024) and tensorflow-probability it imports one name each, for
# the operations Hardmax and Bernoulli.
FOR_ONNX_TF: dict[str, Contents] = {
    "onnx.mapping": _onnx_tables,
    "onnx.helper.mapping": _onnx_tables,
    "tensorflow_addons": lambda: {"seq2seq": SimpleNamespace(hardmax=None)},
    "tensorflow_probability": lambda: {"distributions": SimpleNamespace(Bernoulli=None)},
}

# tensorflowjs imports its converters for every framework at once.
FOR_TENSORFLOWJS: dict[str, Contents] = dict.fromkeys([
    "jax", "jax.experimental", "jax.experimental.jax2tf", "tensorflow_decision_forests",
    "tensorflow_hub", "tf_keras",
], dict)


def _imported(package: str, module: str, stubs: dict[str, Contents]) -> ModuleType:
    """`module` of `package`, with `stubs` for packages that are not installed."""
    # TensorFlow, and with it Keras, comes first: Keras looks for jax on import and would mistake
    # the stub for the real package.
    for name in ("tensorflow", package):
        require(name)
    try:
        for name in ("tensorflow", "keras"):
            importlib.import_module(name)
        with stubbed(stubs):
            return importlib.import_module(module)
    except (ImportError, AttributeError) as error:  # AttributeError for a name that was removed
        raise MissingPackageError(f"{package} cannot be imported ({error}); install the supported "
                                  f"version: {_remedy(package)}", name=package) from error


@contextlib.contextmanager
def stubbed(stubs: dict[str, Contents]) -> Iterator[None]:
    """Stub modules with those contents for all names that are not installed."""
    added = []
    try:
        for name, contents in stubs.items():
            if not is_installed(name):
                sys.modules[name] = module = ModuleType(name)
                module.__path__ = []  # makes it a package, with submodules
                vars(module).update(contents())
                added.append(name)
        yield
    finally:
        for name in added:
            del sys.modules[name]


def is_installed(name: str) -> bool:
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module, not a package
        return False
