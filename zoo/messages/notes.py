"""Notes: what is no error and still has to be said, such as files that are left out.

Code that is far from a terminal says it by `note`, and by `say` what is as it should be.  The
commands show both as lines on stderr, each once (`show`); in Python they are warnings and infos of
the logger "zoo", as any other's.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Sequence

import typer

_LOGGER = logging.getLogger("zoo")


def note(text: str) -> None:
    """Say `text`, one line without a full stop."""
    _LOGGER.warning("%s", printable(text))


def say(text: str) -> None:
    """Say `text`, a fact that is no surprise, as `note` does."""
    _LOGGER.info("%s", printable(text))


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names and how many more there are.

    >>> listed(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def printable(text: str) -> str:
    """`text` in one line, with the escapes of Python for what a terminal would not show: line
    ends and control characters in names of files, and bytes of theirs that are no text.

    >>> printable("a\\nb")
    'a\\\\nb'
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode()
                   for char in text)


def print_anything() -> None:
    """From here on what a terminal's encoding lacks is printed as escapes, rather than an error:
    names of files need not be text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):  # no file behind it, or none to seek in
                stream.reconfigure(errors="backslashreplace")


class _OnStderr(logging.Handler):
    """Echoes each note once; of several processes that torchrun started the first one does."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        first = os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK", "0") == "0"
        if first and text not in self.said:
            self.said.add(text)
            note = "note: " if record.levelno >= logging.WARNING else ""
            typer.echo(f"{note}{text}", err=True)


def show() -> None:
    """Show the notes of the command that begins here on stderr."""
    for handler in list(_LOGGER.handlers):
        if isinstance(handler, _OnStderr):
            _LOGGER.removeHandler(handler)
    _LOGGER.addHandler(_OnStderr())
    _LOGGER.setLevel(logging.INFO)
