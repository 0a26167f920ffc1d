"""Handles Ctrl-C and SIGTERM: one line that says how to go on, and exit code 130 or 143.

A command declares with `resumable` how to continue it; by default it is run again.  An interrupt
unwinds the stack like any exception, and `run`, around the whole command, prints the line, because
libraries may convert a KeyboardInterrupt to other errors and option parsers may swallow it.
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
    line was printed."""

    def __init__(self) -> None:
        self.instruction: Callable[[], str] | None = None
        self.received = self.reported = False


_state = _State()


def begin() -> None:
    """Reset the state of an earlier command in this process."""
    _state.instruction, _state.reported = None, False


@contextlib.contextmanager
def resumable(instruction: Callable[[], str]) -> Iterator[None]:
    """If this block is interrupted, print `instruction()`, evaluated at that time."""
    if _state.received:  # an import swallowed the interrupt
        raise KeyboardInterrupt
    before, _state.instruction = _state.instruction, instruction
    yield
    _state.instruction = before  # kept after an exception, which is reported later


def received() -> bool:
    """Whether Ctrl-C was pressed since the start of the command."""
    return _state.received


def say(what: str = "interrupted") -> None:
    """Print the line once; under torchrun only in the first process."""
    if not _state.reported and os.environ.get("RANK", "0") == "0":
        instruction = _state.instruction() if _state.instruction else f"go on with `{typed()}`"
        print(f"{what}; {instruction}", file=sys.stderr, flush=True)
    _state.reported = True


def leave() -> NoReturn:
    """Exit after an interrupt during imports."""
    say()
    _forget_signal()
    raise SystemExit(CODES[signal.SIGINT])


def run(command: Callable[[], object]) -> NoReturn:
    """Run a command and exit with its code."""
    _install_handlers()
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
    _exit_on_interrupt(code if isinstance(code, int) else 1)
    sys.exit(code if isinstance(code, (int, str)) else 0)


def _forget_signal() -> None:
    """Reset Python's flag for a KeyboardInterrupt inside `exec` (used by dataclasses), with which
    it would exit by the signal instead of the exit code; the next `exec` clears the flag."""
    exec("")


def _install_handlers() -> None:
    def interrupted(number: int, frame: FrameType | None) -> None:
        _state.received = True
        raise KeyboardInterrupt

    def terminated(number: int, frame: FrameType | None) -> None:
        raise SystemExit(CODES[signal.SIGTERM])  # runs every `finally`

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in the background
        signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, terminated)
    atexit.register(_ignore)  # registered first, so called last


def _exit_on_interrupt(code: int) -> None:
    """The command is done: from here on an interrupt only skips the cleanup."""
    def leave_now(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, leave_now)


def _ignore() -> None:
    """Ignore interrupts at exit, when Python drops its handlers and the signal would kill it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
