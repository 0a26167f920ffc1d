"""Which hops and runtimes work on this machine, and what is missing for the others."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from export.formats import shims
from export.formats.base import CONVERTERS, FORMATS, Options, check_converter, installed_version
from export.logs import captured
from export.runtimes.base import RUNTIMES


@dataclass(frozen=True)
class Check:
    hop: str
    ok: bool
    detail: str  # the versions found, or what is missing and the remedy


def checks() -> list[Check]:
    """One row per hop, in the order of the chain, then per runtime; imports their packages."""
    return [_check(hop, probe) for hop, probe in _probes()]


def without_dependencies() -> str | None:
    """The command that installs the converters that pip cannot resolve; None if both are installed
    or TensorFlow has no release for this Python."""
    if all(map(shims.is_installed, shims.NO_DEPS)) or not shims.tensorflow_is_released():
        return None
    return shims.NO_DEPS_COMMAND


def installation() -> list[str]:
    """The words of `without_dependencies` for this Python.  Raises ValueError if it has no pip."""
    if importlib.util.find_spec("pip") is None:
        raise ValueError(f"{sys.executable} has no pip; install the packages with your installer, "
                         f"as in `uv {shims.NO_DEPS_COMMAND}`")
    return [sys.executable, "-m", "pip", "install", "--no-deps", *shims.NO_DEPS.values()]


def install() -> None:
    """Install the converters with the pip of this Python, whose output is shown.

    Raises ValueError if pip fails or a converter is still missing.
    """
    status = subprocess.run(installation(), check=False).returncode
    if status:
        raise ValueError(f"pip failed with status {status}, see its output; go online, or install "
                         "into a virtual environment")
    importlib.invalidate_caches()
    if without_dependencies():
        raise ValueError(f"pip installed the converters, but not for {sys.executable}; run "
                         "`zoo doctor` with the Python that zoo is installed in")


def _probes() -> Iterator[tuple[str, Callable[[], str]]]:
    """Names of checks, with functions that return a detail or raise."""
    yield "train and build (PyTorch)", _torch
    for fmt in FORMATS.values():
        hop = f"{FORMATS[fmt.source].title if fmt.source else 'PyTorch'} -> {fmt.title}"
        yield hop, partial(_packages, fmt.packages, fmt.probe)
        # The default converter is the hop itself.
        for name in CONVERTERS if fmt.converts else ():
            if name != Options.converter:
                yield f"{hop}, {name}", partial(_converter, name)
    yield "data sets from the hub", partial(_packages, ("datasets",))
    for runtime in RUNTIMES.values():
        yield f"verify in {runtime.title}", runtime.found or partial(_packages, runtime.packages)
    yield "the demo page", _page


def _check(hop: str, probe: Callable[[], str]) -> Check:
    try:
        with captured():
            return Check(hop, True, probe())
    except Exception as error:  # anything raised by an import
        return Check(hop, False, " ".join(str(error).split()) or type(error).__name__)


def _packages(names: Sequence[str], probe: Callable[[], object] | None = None) -> str:
    for name in names:
        shims.require(name)
        if probe is None:
            importlib.import_module(name)
    if probe is not None:
        probe()
    return ", ".join(f"{name} {installed_version(name)}" for name in names)


def _torch() -> str:
    import torch

    from zoo.system.device import pick_device

    return f"torch {torch.__version__} on {pick_device()}, {torch.get_num_threads()} threads"


def _converter(name: str) -> str:
    check_converter(name)
    version = installed_version(name)
    return name if version == "unknown" else f"{name} {version}"


def _page() -> str:
    from web_demo.site import built_page

    return str(built_page())
