"""Atomic, durable file writes."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Replace a file atomically: however the process ends, it is the old or the new one.

    Raises OSError and then keeps the old file.
    """
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def read_synced(path: Path) -> bytes:
    """Read a file after syncing it to disk.  Raises OSError."""
    with open(path, "r+b") as file:  # Windows only syncs files opened for writing
        os.fsync(file.fileno())
        return file.read()


def sync_names(folder: Path) -> None:
    """Sync the directory entries of a folder to disk, on POSIX."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
