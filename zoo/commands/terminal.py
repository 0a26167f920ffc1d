"""Progress on the terminal, for commands that keep their libraries' output back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yields ``say(text)``: a spinner with the text on a terminal, else a plain line on stderr.

    Writes to a copy of stderr, so that it shows while file descriptor 2 is redirected.
    """
    from rich.console import Console

    with os.fdopen(os.dup(2), "w", buffering=1) as stream:
        console = Console(file=stream, highlight=False)
        if not stream.isatty():
            yield lambda text: print(text, file=stream)
            return
        with console.status("") as status:
            yield status.update
