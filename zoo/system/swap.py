"""Replaces a folder atomically, however the process ends.

The new folder is written next to the old one, under a name with the process id; the next process
removes or restores what a killed process left behind.
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
def created(folder: Path) -> Iterator[None]:
    """Create `folder` and its parents; remove those created here that are empty on exit."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # not empty
            for path in new:
                path.rmdir()


@contextlib.contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """A temporary folder next to `target`, removed on exit; `swap` moves it to `target`."""
    with created(target.parent):
        folder = target.parent / f".{target.name}.building-{os.getpid()}"
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(target: Path) -> None:
    """Remove temporary folders of killed processes next to `target`; restore an old folder that
    `swap` had moved aside, if `target` is missing."""
    start = f".{target.name}.building-"
    for path in target.parent.glob(f"{glob.escape(start)}*"):
        pid = path.name.removeprefix(start).removesuffix("-old")
        if pid.isdigit() and (int(pid) == os.getpid() or not _is_running(int(pid))):
            if path.name.endswith("-old") and not os.path.lexists(target):
                path.rename(target)
            else:
                shutil.rmtree(path, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # a process of another user
    return True


def swap(folder: Path, target: Path) -> None:
    """Move `folder` to `target`, and an existing `target` to `folder`."""
    if not target.exists():
        folder.rename(target)
        return
    if not _exchange(folder, target):
        # Without atomic exchange, a kill between these two renames leaves the old folder under its
        # temporary name, from which `sweep` restores it.
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
    """Exchange two paths atomically, if supported (Linux 3.15, macOS 10.12)."""
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
