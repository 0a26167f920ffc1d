"""Captures the converters' output, and prints it only after a failure.

TensorFlow writes to the file descriptors from C++, so these are redirected, and also Python's
streams, which differ from them in a notebook.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator


class ConversionError(RuntimeError):
    """A failed converter; the message names the hop and comes with its log."""


class _Stream(io.TextIOBase):
    """Python's stderr inside the block; writes to the real one afterwards, as loggers created
    inside keep it."""

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
    """Capture all output to stdout and stderr inside the block.

    After a ConversionError the last 200 lines are printed; other errors are self-explanatory.  With
    `verbose` nothing is captured.
    """
    if verbose:
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    originals = [os.dup(1), os.dup(2)]
    stream = _Stream()
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        failed = False
        try:
            with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
                yield
        except ConversionError:
            failed = True
            raise
        finally:
            stream.inside = False
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in enumerate(originals, start=1):
                os.dup2(original, descriptor)
                os.close(original)
            if failed:
                log.seek(0)
                lines = log.read().decode(errors="replace").splitlines()[-200:]
                print("\n".join(["--- converter log:", *lines, "---"]), file=sys.stderr)
