"""Work in the folder of a training or a search: one process at a time; a divergence is noted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from zoo.runs.run_folder import DIVERGED, LOCK, DivergedError, RunError, check_is_folder
from zoo.system import distributed
from zoo.system.files import write_whole
from zoo.system.swap import made


@contextlib.contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Hold the lock of the run in `folder`, which the system releases however the process ends, and
    write down why the run diverges, if it does.

    The folder is created, and removed again if nothing was written to it.  Of several processes of
    one run the first one holds the lock.  Raises RunError while another run is at work there.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    with contextlib.ExitStack() as stack:
        distributed.first(lambda: _acquire(lock, folder, stack))
        try:
            yield
        except DivergedError as error:  # for those who want to go on with the run
            if distributed.is_main_process():
                write_whole(folder / DIVERGED, f"{error}\n".encode())
            raise
        finally:
            if lock.is_locked:
                # While it is held; who has the old file open sees by `_is_current` that it is gone.
                with contextlib.suppress(OSError):  # Windows, where it goes when it is released
                    (folder / LOCK).unlink()
                lock.release()


def _acquire(lock: FileLock, folder: Path, stack: contextlib.ExitStack) -> None:
    check_is_folder(folder)
    stack.enter_context(made(folder))
    try:
        lock.acquire()
        while not _is_current(folder / LOCK):
            lock.release()
            lock.acquire()
    except Timeout:
        raise RunError(f"another process is at work on {folder}; wait for it, or choose another "
                       "folder with -o") from None


def _is_current(file: Path) -> bool:
    """Is the lock that is held on the file of this name, rather than on one that was removed while
    it was waited for?  Older releases of filelock do not look."""
    other = FileLock(file, timeout=0)
    try:
        other.acquire()
    except Timeout:
        return True
    other.release()
    return False
