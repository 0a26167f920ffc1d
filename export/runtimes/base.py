"""The runtimes that run an artifact, one value each: what they read, on which backends, and how
they are driven.

A runtime of one's own is a line in `RUNTIMES`; verify, bench, doctor and help walk that table.
Nothing heavy is imported here: what a runtime takes is imported when it is called.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.formats.arrays import Runner
from web_demo.verify import BACKENDS
from zoo.messages.spelling import choices


@dataclass(frozen=True)
class Outcome:
    """What a runtime outside this process says of one backend: `available` False and the reason
    where the machine lacks it, `ok` False where it is wrong or broken.

    `ms` is the median of one input.
    """

    backend: str
    available: bool
    reason: str | None
    ok: bool
    max_difference: float | None
    limit: float | None
    ms: float | None
    error: str | None


@dataclass(frozen=True)
class Runtime:
    """A runtime of the format `reads` on `backends`, of which the first is the one that is timed.

    One in this process brings ``load(place, backend, threads) -> run`` (`threads` None: as many
    as it likes); one outside brings ``verify(artifact, backends)``, which runs the artifact's
    fixture on each of them.  `packages` have to be installed; ``found()`` says what of the runtime
    is on this machine, or raises an error that names the remedy.  With ``agree(artifact, images,
    data, path, backends)`` it can classify test images and compare with float32.  `title` is what
    people call it, if not by its name.

    Examples:
        >>> def load(place, backend, threads):
        ...     return lambda inputs: {"logits": inputs["pixels"].mean((1, 2))}
        >>> Runtime("mean", "onnx", ("cpu",), load=load).title
        'mean'
    """

    name: str
    reads: str
    backends: tuple[str, ...]
    packages: tuple[str, ...] = ()
    load: Callable[[Path, str, int | None], Runner] | None = None
    verify: Callable[[Path, Sequence[str]], list[Outcome]] | None = None
    found: Callable[[], str] | None = None
    agree: Callable[..., list[Any]] | None = None
    title: str = ""

    def __post_init__(self) -> None:
        if (self.load is None) == (self.verify is None):
            raise ValueError(f"runtime {self.name} needs either load or verify")
        object.__setattr__(self, "title", self.title or self.name)


def _of(module: str, function: str) -> Callable[..., Any]:
    """The function of a module, which is imported when it is called: these imports take seconds."""
    return lambda *given: getattr(importlib.import_module(module), function)(*given)


#: In the order in which doctor and help name them.
RUNTIMES: dict[str, Runtime] = {each.name: each for each in (
    Runtime("onnxruntime", "onnx", ("cpu",), ("onnxruntime",), title="ONNX Runtime",
            load=_of("export.runtimes.onnxruntime", "load")),
    Runtime("tensorflow", "savedmodel", ("cpu",), ("tensorflow",), title="TensorFlow",
            load=_of("export.runtimes.tensorflow", "load")),
    Runtime("tflite", "tflite", ("cpu",), ("tensorflow",), title="TFLite",
            load=_of("export.runtimes.tflite", "load")),
    Runtime("chromium", "tfjs", BACKENDS["chromium"], title="Chromium",
            verify=_of("export.runtimes.chromium", "verify"),
            found=_of("export.runtimes.chromium", "found"),
            agree=_of("export.checks.agreement", "in_chromium")),
    Runtime("node", "tfjs", BACKENDS["node"], title="Node",
            verify=_of("export.runtimes.node", "verify"),
            found=_of("export.runtimes.node", "found")),
)}


def find_runtime(name: str) -> Runtime:
    """The runtime of that name; ValueError names the nearest where there is none."""
    if name not in RUNTIMES:
        raise ValueError(f"unknown runtime {choices(name, RUNTIMES)}")
    return RUNTIMES[name]


def chosen_backends(runtime: Runtime, asked: Sequence[str] | None) -> tuple[str, ...]:
    """The backends asked for, or all; ValueError for one that the runtime does not have."""
    for backend in asked or ():
        if backend not in runtime.backends:
            raise ValueError(f"{runtime.name} has no backend {choices(backend, runtime.backends)}")
    return tuple(asked or runtime.backends)


def all_backends() -> list[str]:
    """The backends of all runtimes, each once."""
    return list(dict.fromkeys(name for each in RUNTIMES.values() for name in each.backends))
