"""Keeps the converters' noise away from the terminal, and shows it when something fails.

TensorFlow writes to the file descriptors from C++, so those are redirected; in a notebook Python's
streams are others, so those are too.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator


class ConversionError(RuntimeError):
    """A converter failed; the message names the hop, its log is shown with it."""


class _Python(io.TextIOBase):
    """Python's stderr inside the block; a logger that was given it there keeps it for good."""

    encoding = "utf-8"
    inside = True

    def fileno(self) -> int:
        return 2

    def write(self, text: str) -> int:
        if self.inside:
            os.write(2, text.encode(errors="replace"))
        else:
            sys.stderr.write(text)
        return len(text)


@contextlib.contextmanager
def captured(verbose: bool = False) -> Iterator[None]:
    """Inside the block all output to stdout and stderr is kept back.

    On a ConversionError what was kept back is printed, its last 200 lines; other errors speak
    for themselves.  With `verbose` nothing is kept back.
    """
    if verbose:
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    python = _Python()
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        failed = False
        try:
            with contextlib.redirect_stdout(python), contextlib.redirect_stderr(python):
                yield
        except ConversionError:
            failed = True
            raise
        finally:
            python.inside = False
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in enumerate(kept, start=1):
                os.dup2(original, descriptor)
                os.close(original)
            if failed:
                log.seek(0)
                lines = log.read().decode(errors="replace").splitlines()[-200:]
                print("\n".join(["--- the converter said:", *lines, "---"]), file=sys.stderr)
