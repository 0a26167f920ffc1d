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
    words = sys.argv[1:]
    started = sys.orig_argv[:len(sys.orig_argv) - len(words)]
    # `python -m zoo`: argv[0] is a path or, at first, "-m".
    program = (started[-1].partition(".")[0] if started[-2:-1] == ["-m"] else
               Path(sys.argv[0]).stem)
    return command(program, *words, *(word for word in more if word not in words))
