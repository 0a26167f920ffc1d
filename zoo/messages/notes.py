"""Notes: messages that are not errors, such as about ignored files.

Library code calls `note` for anything unexpected and `say` for plain information.  The commands
print both on stderr, each text once (`show`); in Python they are warnings and infos of the logger
"zoo".
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
    """Log `text`, one line without a full stop, as a warning."""
    _LOGGER.warning("%s", printable(text))


def say(text: str) -> None:
    """Log `text`, one line without a full stop, as information."""
    _LOGGER.info("%s", printable(text))


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first `most` names, and how many more there are.

    >>> listed(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def printable(text: str) -> str:
    """`text` in one line, with Python escapes for unprintable characters: line breaks and control
    characters in file names, and undecodable bytes.

    >>> printable("a\\nb")
    'a\\\\nb'
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode()
                   for char in text)


def print_anything() -> None:
    """Make stdout and stderr print characters outside the terminal's encoding as escapes instead of
    raising, since file names may not be text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):  # not a file, or not seekable
                stream.reconfigure(errors="backslashreplace")


class _OnStderr(logging.Handler):
    """Prints each note once; under torchrun only in the first process."""

    def __init__(self) -> None:
        super().__init__()
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        first = os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK", "0") == "0"
        if first and text not in self._printed:
            self._printed.add(text)
            note = "note: " if record.levelno >= logging.WARNING else ""
            typer.echo(f"{note}{text}", err=True)


def show() -> None:
    """Print the notes of this command on stderr, forgetting those of an earlier one."""
    for handler in list(_LOGGER.handlers):
        if isinstance(handler, _OnStderr):
            _LOGGER.removeHandler(handler)
    _LOGGER.addHandler(_OnStderr())
    _LOGGER.setLevel(logging.INFO)
