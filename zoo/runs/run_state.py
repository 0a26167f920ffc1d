"""Whether a process is at work in the folder of a run, and why a run cannot go on; imports no
torch."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

LOCK = "lock"  # held by the process at work, see `zoo.runs.run_lock`
DIVERGED = "diverged.txt"  # why the run cannot go on, in one line


def is_at_work(folder: Path) -> bool:
    """Whether a process holds the lock of the run in `folder`.

    Holds a free lock for an instant, for which `zoo.runs.run_lock.at_work` waits.

    >>> is_at_work(Path("no such run"))
    False
    """
    lock = FileLock(folder / LOCK, timeout=0)
    if not Path(lock.lock_file).exists():  # removed by a process that ended in order
        return False
    try:
        with lock:
            return False
    except OSError:  # held (Timeout), or the file of another user, which only a kill leaves free
        return True


def why_diverged(folder: Path) -> str | None:
    """Why the run in `folder` has diverged, in one line; None if it has not.

    >>> why_diverged(Path("no such run"))
    """
    try:
        text = (folder / DIVERGED).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return " ".join(text.split())
