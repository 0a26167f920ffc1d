"""Commands in separate processes that need not import torch first.

Each is forked from a process that has imported `tests.preloaded`, which saves the seconds that
every process of `subprocess` would spend.  Tests that start many have the xdist_group "processes",
so that they share that process.  They kill, stop and watch commands; tests of how a command starts,
and what it imports, use `subprocess`.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.preloaded"])


def begin(program: str, words: Sequence[object], *, out: Path | str = os.devnull,
          err: Path | str = os.devnull, environment: Mapping[str, str | None] | None = None,
          folder: Path | None = None, prepare: Callable[[], object] | None = None) -> BaseProcess:
    """Start `zoo` or `search` with `words`.

    It writes to `out` and `err`, files or terminals, has the variables of `environment` (None
    unsets one), works in `folder`, and calls `prepare` first.
    """
    process = _context.Process(target=_command, args=(
        program, list(map(str, words)), str(out), str(err), dict(environment or {}), folder,
        prepare))
    process.start()
    return process


def _command(program: str, words: list[str], out: str, err: str,
             environment: dict[str, str | None], folder: Path | None,
             prepare: Callable[[], object] | None) -> None:
    for name, value in environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOCTTY), number)
    if folder is not None:
        os.chdir(folder)
    if prepare is not None:
        prepare()
    sys.argv = [program, *words]
    importlib.import_module(f"{program}.cli").main()
