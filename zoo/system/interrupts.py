"""Ctrl-C and SIGTERM at any moment: one line that says how to go on, and exit code 130 or 143.

A command says by `go_on` how it is taken up again; before that, it is to be typed again.  What is
interrupted unwinds as with any exception, and `run`, around the whole command, has the last word:
libraries turn a KeyboardInterrupt into errors of their own, and parsers of options swallow it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from zoo.messages.command_line import typed

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


class _State:
    """State of the running command: how to continue it, whether Ctrl-C was pressed, and whether the
    user was told."""

    def __init__(self) -> None:
        self.way: Callable[[], str] | None = None
        self.received = self.said = False


_state = _State()


def begin() -> None:
    """Forget what an earlier command of this process has left."""
    _state.way, _state.said = None, False


@contextlib.contextmanager
def go_on(way: Callable[[], str]) -> Iterator[None]:
    """What is interrupted in this block goes on by `way()`, asked for when it is to be said."""
    if _state.received:  # and lost in an import
        raise KeyboardInterrupt
    before, _state.way = _state.way, way
    yield
    _state.way = before  # not after an exception: whoever tells of it comes later


def received() -> bool:
    """Has Ctrl-C been pressed since the command began, whatever became of it?"""
    return _state.received


def say(what: str = "interrupted") -> None:
    """The line, once; of several processes that torchrun started the first one says it."""
    if not _state.said and os.environ.get("RANK", "0") == "0":
        way = _state.way() if _state.way else f"go on with `{typed()}`"
        print(f"{what}; {way}", file=sys.stderr, flush=True)
    _state.said = True


def leave() -> NoReturn:
    """End the process that was interrupted while its modules were imported."""
    say()
    _forget_signal()
    raise SystemExit(CODES[signal.SIGINT])


def run(command: Callable[[], object]) -> NoReturn:
    """Carry out a command and end the process with its exit code."""
    _listen()
    code: object = 0
    try:
        command()
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        if not (_state.received or isinstance(error, KeyboardInterrupt)):
            raise
        code = CODES[signal.SIGINT]
    if code == CODES[signal.SIGINT]:
        say()
    elif code == CODES[signal.SIGTERM]:
        say("terminated")
    _forget_signal()
    _leave_at_once(code if isinstance(code, int) else 1)
    sys.exit(code if isinstance(code, (int, str)) else 0)


def _forget_signal() -> None:
    """Python notes a KeyboardInterrupt that has left code in `exec`, as of a dataclass, and ends
    itself by the signal then, whatever the exit code; the next code in `exec` resets the note."""
    exec("")


def _listen() -> None:
    def interrupted(number: int, frame: FrameType | None) -> None:
        _state.received = True
        raise KeyboardInterrupt

    def terminated(number: int, frame: FrameType | None) -> None:
        raise SystemExit(CODES[signal.SIGTERM])  # through every `finally`

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in the background
        signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, terminated)
    atexit.register(_ignore)  # the first that is registered is called last


def _leave_at_once(code: int) -> None:
    """From here on everything is done and said; an interrupt only saves the tidying up."""
    def leave_now(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, leave_now)


def _ignore() -> None:
    """What comes last: Python gives up handlers as it ends, and would be killed by the signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
