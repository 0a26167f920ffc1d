"""The table of runtimes: the format that each reads, its backends, and its functions.

To add a runtime, add a line to `RUNTIMES`; for one in a page, an entry to `web_demo/runtimes.json`
and a file to `web_demo/src/runtime/runtimes/`.  Verify, bench, doctor and help iterate over the
table.  A runtime's packages are imported when it is called.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from export.formats.arrays import Runner
from web_demo.runtimes import RUNTIMES as PAGE_RUNTIMES
from web_demo.runtimes import PageRuntime
from zoo.messages.spelling import choices


@dataclass(frozen=True)
class Outcome:
    """The result of one backend outside this process: not `available`, with the reason, if the
    machine lacks it; not `ok` if it fails or its outputs differ.

    `ms` is the median latency of one input.
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
class Timing:
    """The median latency of one input in milliseconds; None, with the reason in `note`, if the
    backend is unavailable or fails.  `load_ms` is the time from the files to a network ready to
    run, `threads` the number of CPU threads, None on a GPU; a `software` GPU is emulated by the
    CPU."""

    runtime: str
    backend: str
    ms: float | None
    load_ms: float | None = None
    threads: int | None = None
    note: str = ""
    failed: bool = False
    software: bool = False


@dataclass(frozen=True)
class Runtime:
    """A runtime of the format `reads` on `backends`, the first of which runs everywhere.

    A runtime in this process has ``load(place, backend, threads) -> run`` (None: its default number
    of threads).  One outside has ``verify(artifact, backends)``, which runs the artifact's fixture
    on each backend, and ``times(artifacts, selected, threads, runs)``, the timings of each
    artifact, called once for all runtimes with the same function, so that their runs are
    interleaved.  `packages` have to be installed; ``found()`` returns the version or path of the
    runtime, or raises an error with the remedy.  ``agree(artifact, images, data, path, backends)``
    classifies test images and compares with float32.  `title` is the display name, by default
    `name`.

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
    times: Callable[[Sequence[Path], Sequence[Selection], int, int],
                    list[list[Timing]]] | None = None
    found: Callable[[], str] | None = None
    agree: Callable[..., list[Any]] | None = None
    title: str = ""

    def __post_init__(self) -> None:
        if (self.load is None) == (self.verify is None):
            raise ValueError(f"runtime {self.name} needs either load or verify")
        object.__setattr__(self, "title", self.title or self.name)

    @property
    def timed(self) -> bool:
        """Whether `zoo bench` times it."""
        return self.load is not None or self.times is not None


@dataclass(frozen=True)
class Selection:
    """A runtime with the backends to run; `named` if the user named them."""

    runtime: Runtime
    backends: tuple[str, ...]
    named: bool = False


def _lazy(module: str, function: str) -> Callable[..., Any]:
    """A function of a module that is imported on the first call: these imports take seconds."""
    return lambda *args: getattr(importlib.import_module(module), function)(*args)


_PAGE_TIMES = _lazy("export.runtimes.browser", "times")


def _in_chromium(page: PageRuntime) -> Runtime:
    return Runtime(
        page.name, page.reads, page.backends, title=page.title,
        verify=partial(_lazy("export.runtimes.browser", "verify"), page.name),
        times=_PAGE_TIMES, found=_lazy("export.runtimes.browser", "found"),
        agree=partial(_lazy("export.checks.agreement", "in_chromium"), page.name)
        if page.reads == "tfjs" else None)


#: In the order of doctor and help.
RUNTIMES: dict[str, Runtime] = {each.name: each for each in (
    Runtime("onnxruntime", "onnx", ("cpu",), ("onnxruntime",), title="ONNX Runtime",
            load=_lazy("export.runtimes.onnxruntime", "load")),
    Runtime("tensorflow", "savedmodel", ("cpu",), ("tensorflow",), title="TensorFlow",
            load=_lazy("export.runtimes.tensorflow", "load")),
    Runtime("tflite", "tflite", ("cpu",), ("tensorflow",), title="TFLite",
            load=_lazy("export.runtimes.tflite", "load")),
    *map(_in_chromium, PAGE_RUNTIMES.values()),
    Runtime("node", "tfjs", ("wasm", "cpu"), title="TF.js in Node",
            verify=_lazy("export.runtimes.node", "verify"),
            times=_lazy("export.runtimes.node", "times"),
            found=_lazy("export.runtimes.node", "found")),
)}

#: Former names of runtimes.
OLD_NAMES = {"chromium": "tfjs"}

ALL = "all"


def find_runtime(name: str) -> Runtime:
    """The runtime of that name; raises ValueError with the closest name for an unknown one."""
    name = OLD_NAMES.get(name, name)
    if name not in RUNTIMES:
        raise ValueError(f"unknown runtime {choices(name, RUNTIMES)}")
    return RUNTIMES[name]


def chosen_backends(runtime: Runtime, names: Sequence[str] | None) -> tuple[str, ...]:
    """The backends of those names, or all; raises ValueError for an unknown one."""
    for backend in names or ():
        if backend not in runtime.backends:
            raise ValueError(f"{runtime.name} has no backend {choices(backend, runtime.backends)}")
    return tuple(names or runtime.backends)


def select_runtimes(texts: Sequence[str], backends: Sequence[str] | None = None) -> list[Selection]:
    """Parse ``--runtime tfjs:webgpu,litert:wasm,ort-web``: each runtime once, with the backends
    named after it, else `backends`, else all; ``all`` is every runtime.

    Raises ValueError for an unknown runtime or backend.

    Examples:
        >>> [(one.runtime.name, one.backends) for one in select_runtimes(["tfjs:cpu,litert"])]
        [('tfjs', ('cpu',)), ('litert', ('wasm', 'webgpu'))]
    """
    named: dict[str, list[str]] = {}
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    for word in words:
        name, _, backend = word.partition(":")
        for runtime in RUNTIMES.values() if word == ALL else [find_runtime(name)]:
            named.setdefault(runtime.name, []).extend([backend] if backend else [])
    selected = []
    for name, own in named.items():
        runtime = find_runtime(name)
        chosen = list(dict.fromkeys(own or backends or ()))
        selected.append(Selection(runtime, chosen_backends(runtime, chosen), named=bool(chosen)))
    return selected


def all_backends() -> list[str]:
    """The backends of all runtimes, each once."""
    return list(dict.fromkeys(name for each in RUNTIMES.values() for name in each.backends))
