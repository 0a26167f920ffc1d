"""Locks the folder of a training or a search for one process, and records a divergence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from zoo.runs.run_folder import DivergedError, RunError, check_is_folder
from zoo.runs.run_state import DIVERGED, LOCK
from zoo.system import distributed
from zoo.system.files import write_whole
from zoo.system.swap import created

#: Seconds to wait for a lock: a look of `is_at_work` is no reason to refuse a run.
PATIENCE = 0.5


@contextlib.contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Hold the lock of the run in `folder`, which the system releases however the process ends, and
    record the reason of a DivergedError.

    Creates the folder, and removes it if nothing was written to it.  The first of a run's
    processes holds the lock.  Raises RunError if another run holds it.
    """
    lock = FileLock(folder / LOCK, timeout=PATIENCE)
    with contextlib.ExitStack() as stack:
        distributed.first(lambda: _acquire(lock, folder, stack))
        try:
            yield
        except DivergedError as error:  # for later attempts to resume the run
            if distributed.is_main_process():
                write_whole(folder / DIVERGED, f"{error}\n".encode())
            raise
        finally:
            if lock.is_locked:
                # Removed while held; `_is_current` tells waiting processes that it is gone.
                with contextlib.suppress(OSError):  # on Windows only the release removes it
                    (folder / LOCK).unlink()
                lock.release()


def _acquire(lock: FileLock, folder: Path, stack: contextlib.ExitStack) -> None:
    check_is_folder(folder)
    stack.enter_context(created(folder))
    try:
        lock.acquire()
        while not _is_current(folder / LOCK):
            lock.release()
            lock.acquire()
    except Timeout:
        raise RunError(f"another process is using {folder}; wait for it, or choose another "
                       "folder with -o") from None


def _is_current(file: Path) -> bool:
    """Whether the held lock belongs to the existing file, not to one removed while waiting for it.

    Older releases of filelock do not check.
    """
    other = FileLock(file, timeout=0)
    try:
        other.acquire()
    except Timeout:
        return True
    other.release()
    return False
