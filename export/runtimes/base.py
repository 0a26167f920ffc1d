"""The runtimes that run an artifact, one value each: what they read, on which backends, and how
they are driven.

A runtime of one's own is a line in `RUNTIMES`; one that runs in a page is an entry in
`web_demo/runtimes.json` and a file beside its fellows in `web_demo/src/runtime/runtimes/`.  Verify,
bench, doctor and help walk that table.  Nothing heavy is imported here: what a runtime takes is
imported when it is called.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from export.formats.arrays import Runner
from web_demo.runtimes import RUNTIMES as OF_THE_PAGE
from web_demo.runtimes import PageRuntime
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
class Timing:
    """The median of one input, in milliseconds; None where a backend is not here or broke, and
    `note` says why.  `load_ms` is the time from the files to a network that runs, `threads` those
    of the processor, None on graphics; `software` graphics are imitated by the processor."""

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

    One in this process brings ``load(place, backend, threads) -> run`` (`threads` None: as many
    as it likes); one outside brings ``verify(artifact, backends)``, which runs the artifact's
    fixture on each of them, and ``times(artifact, asked, threads, runs)``, which is called once
    for all runtimes that have the same function, so that they are timed in turn.  `packages` have
    to be installed; ``found()`` says what of the runtime is on this machine, or raises an error
    that names the remedy.  With ``agree(artifact, images, data, path, backends)`` it can classify
    test images and compare with float32.  `title` is what people call it, if not by its name.

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
    times: Callable[[Path, Sequence[Asked], int, int], list[Timing]] | None = None
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
class Asked:
    """A runtime on the backends asked for; `named` where somebody typed their names."""

    runtime: Runtime
    backends: tuple[str, ...]
    named: bool = False


def _of(module: str, function: str) -> Callable[..., Any]:
    """The function of a module, which is imported when it is called: these imports take seconds."""
    return lambda *given: getattr(importlib.import_module(module), function)(*given)


_TIMES_IN_ONE_PAGE = _of("export.runtimes.browser", "times")


def _in_chromium(page: PageRuntime) -> Runtime:
    return Runtime(
        page.name, page.reads, page.backends, title=page.title,
        verify=partial(_of("export.runtimes.browser", "verify"), page.name),
        times=_TIMES_IN_ONE_PAGE, found=_of("export.runtimes.browser", "found"),
        agree=partial(_of("export.checks.agreement", "in_chromium"), page.name)
        if page.reads == "tfjs" else None)


#: In the order in which doctor and help name them.
RUNTIMES: dict[str, Runtime] = {each.name: each for each in (
    Runtime("onnxruntime", "onnx", ("cpu",), ("onnxruntime",), title="ONNX Runtime",
            load=_of("export.runtimes.onnxruntime", "load")),
    Runtime("tensorflow", "savedmodel", ("cpu",), ("tensorflow",), title="TensorFlow",
            load=_of("export.runtimes.tensorflow", "load")),
    Runtime("tflite", "tflite", ("cpu",), ("tensorflow",), title="TFLite",
            load=_of("export.runtimes.tflite", "load")),
    *map(_in_chromium, OF_THE_PAGE.values()),
    Runtime("node", "tfjs", ("wasm", "cpu"), title="TF.js in Node",
            verify=_of("export.runtimes.node", "verify"),
            times=_of("export.runtimes.node", "times"),
            found=_of("export.runtimes.node", "found")),
)}

#: Names that runtimes have had.
OLD_NAMES = {"chromium": "tfjs"}

ALL = "all"


def find_runtime(name: str) -> Runtime:
    """The runtime of that name; ValueError names the nearest where there is none."""
    name = OLD_NAMES.get(name, name)
    if name not in RUNTIMES:
        raise ValueError(f"unknown runtime {choices(name, RUNTIMES)}")
    return RUNTIMES[name]


def chosen_backends(runtime: Runtime, asked: Sequence[str] | None) -> tuple[str, ...]:
    """The backends asked for, or all; ValueError for one that the runtime does not have."""
    for backend in asked or ():
        if backend not in runtime.backends:
            raise ValueError(f"{runtime.name} has no backend {choices(backend, runtime.backends)}")
    return tuple(asked or runtime.backends)


def asked_runtimes(texts: Sequence[str], backends: Sequence[str] | None = None) -> list[Asked]:
    """What ``--runtime tfjs:webgpu,litert:wasm,ort-web`` asks for: each runtime once, on the
    backends named with it, else on `backends`, else on all; ``all`` is every runtime.

    Raises ValueError for a runtime or a backend that there is not.

    Examples:
        >>> [(one.runtime.name, one.backends) for one in asked_runtimes(["tfjs:cpu,litert"])]
        [('tfjs', ('cpu',)), ('litert', ('wasm', 'webgpu'))]
    """
    wanted: dict[str, list[str]] = {}
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    for word in words:
        name, _, backend = word.partition(":")
        for runtime in RUNTIMES.values() if word == ALL else [find_runtime(name)]:
            wanted.setdefault(runtime.name, []).extend([backend] if backend else [])
    asked = []
    for name, own in wanted.items():
        runtime = find_runtime(name)
        chosen = list(dict.fromkeys(own or backends or ()))
        asked.append(Asked(runtime, chosen_backends(runtime, chosen), named=bool(chosen)))
    return asked


def all_backends() -> list[str]:
    """The backends of all runtimes, each once."""
    return list(dict.fromkeys(name for each in RUNTIMES.values() for name in each.backends))
