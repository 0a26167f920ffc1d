"""Files that are whole and on the disk, whatever ends the process or the machine."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write bytes so that the file is the old one or the new one, whatever ends the process.

    Raises OSError, after which the old one stands.
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
    """The bytes of a file, which are on the disk when this returns.  Raises OSError."""
    with open(path, "r+b") as file:  # Windows syncs only what may be written
        os.fsync(file.fileno())
        return file.read()


def sync_names(folder: Path) -> None:
    """See the names of a folder's files on the disk, where the system opens folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
