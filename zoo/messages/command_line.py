"""Formats commands for messages, quoted so that they can be pasted into a shell."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def command(*words: object) -> str:
    """The command of these words, quoted for a POSIX shell; a path that starts with '-' gets './'.

    >>> command("zoo", "build", Path("my cells/a.json"), "--export", "tfjs")
    "zoo build 'my cells/a.json' --export tfjs"
    """
    return shlex.join(f"./{word}" if isinstance(word, Path) and str(word).startswith("-")
                      else str(word) for word in words)


def typed(*more: str) -> str:
    """The command that started this process, with those of the words `more` that it lacks."""
    words = sys.argv[1:]
    started = sys.orig_argv[:len(sys.orig_argv) - len(words)]
    # `python -m zoo`: argv[0] is a path or, at first, "-m".
    program = (started[-1].partition(".")[0] if started[-2:-1] == ["-m"] else
               Path(sys.argv[0]).stem)
    return command(program, *words, *(word for word in more if word not in words))
