"""Keeps the converters' noise away from the terminal, and shows it when something fails.

TensorFlow writes to the file descriptors from C++, so those are redirected, not sys.stderr.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


class ConversionError(RuntimeError):
    """A converter failed; the message names the hop, its log is shown with it."""


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
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        failed = False
        try:
            yield
        except ConversionError:
            failed = True
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in enumerate(kept, start=1):
                os.dup2(original, descriptor)
                os.close(original)
            if failed:
                log.seek(0)
                lines = log.read().decode(errors="replace").splitlines()[-200:]
                print("\n".join(["--- the converter said:", *lines, "---"]), file=sys.stderr)
