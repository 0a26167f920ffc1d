"""A folder that takes the place of another in one step, whatever ends the process.

The new one is written beside its place, under a name that says by whom; what a killed process has
left there is removed, or put back, by the next one.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def made(folder: Path) -> Iterator[None]:
    """`folder` with all above it; those that were made here and are empty in the end go again."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # not empty: as it should be
            for path in new:
                path.rmdir()


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A fresh folder in which one for `target` is written; gone in the end, with whatever it then
    holds.  `swap` puts it in place."""
    with made(target.parent):
        folder = target.parent / f".{target.name}.building-{os.getpid()}"
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(target: Path) -> None:
    """Remove what killed processes left beside `target`; an old folder that one of them had put
    aside comes back, if its place is still empty (see `swap`)."""
    start = f".{target.name}.building-"
    for path in target.parent.glob(f"{glob.escape(start)}*"):
        pid = path.name.removeprefix(start).removesuffix("-old")
        if pid.isdigit() and (int(pid) == os.getpid() or not _runs(int(pid))):
            if path.name.endswith("-old") and not os.path.lexists(target):
                path.rename(target)
            else:
                shutil.rmtree(path, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's process
    return True


def swap(folder: Path, target: Path) -> None:
    """Put `folder` at `target`; what was there goes to `folder`'s place."""
    if not target.exists():
        folder.rename(target)
        return
    if not _exchange(folder, target):
        # No atomic exchange here: a kill between these two renames, and nowhere else, leaves the
        # old folder under its temporary name, from which the next build fetches it.
        aside = target.parent / f".{target.name}.building-{os.getpid()}-old"
        try:
            target.rename(aside)
            folder.rename(target)
        except BaseException:
            if aside.exists() and not target.exists():
                aside.rename(target)
            raise
        finally:
            if target.exists():
                shutil.rmtree(aside, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two paths in one step, where the system can (Linux 3.15, macOS 10.12)."""
    if os.name != "posix":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(first), os.fsencode(second)
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
        return libc.renameat2(here, names[0], here, names[1], exchange) == 0
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        return libc.renamex_np(*names, 2) == 0  # RENAME_SWAP
    return False
