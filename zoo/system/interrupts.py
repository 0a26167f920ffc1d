"""Ctrl-C and SIGTERM end a command alike: through every `finally`, with the hint how to go on."""

from __future__ import annotations

import signal
from types import FrameType


class TerminatedError(KeyboardInterrupt):
    """SIGTERM, which a machine that shuts down sends, or a scheduler whose time is over."""


def listen() -> None:
    """From here on SIGTERM is raised as TerminatedError, which is a KeyboardInterrupt."""
    signal.signal(signal.SIGTERM, _terminated)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise TerminatedError


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """128 and the number of the signal, as shells have it."""
    terminated = isinstance(interrupt, TerminatedError)
    return 128 + (signal.SIGTERM if terminated else signal.SIGINT)
