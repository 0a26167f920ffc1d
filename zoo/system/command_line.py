"""Commands as they are printed: each can be copied into a shell, whatever its names hold."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def command(*words: object) -> str:
    """The command of these words, quoted for a POSIX shell; a path that begins with '-' is no
    option.

    >>> command("zoo", "build", Path("my cells/a.json"), "--export", "tfjs")
    "zoo build 'my cells/a.json' --export tfjs"
    """
    return shlex.join(f"./{word}" if isinstance(word, Path) and str(word).startswith("-")
                      else str(word) for word in words)


def typed(*more: str) -> str:
    """The command that started this process, with `more` words where it does not have them."""
    started = sys.orig_argv  # of `python -m zoo`, where argv[0] is a path or, at first, "-m"
    program = (started[started.index("-m") + 1].partition(".")[0] if "-m" in started[:-1]
               else Path(sys.argv[0]).stem)
    words = sys.argv[1:]
    return command(program, *words, *(word for word in more if word not in words))
