"""Free memory, and the error for computations that do not fit."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_CGROUP = Path("/sys/fs/cgroup")  # of a container, version 2


class TooLargeError(ValueError):
    """Something needs more memory than is free; the message has both amounts and the remedy."""


def free_memory(device: torch.device | None = None) -> int | None:
    """Free memory of `device`, by default the CPU's, in bytes; None if unknown."""
    if device is not None and device.type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    known = [value for value in (_of_machine(), _of_container()) if value is not None]
    return min(known) if known else None


def _of_machine() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def _of_container() -> int | None:
    """The memory left in a container, including reclaimable file caches."""
    with contextlib.suppress(OSError, ValueError):  # the limit may be "max"
        limit = int((_CGROUP / "memory.max").read_text())
        facts = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return max(0, limit - int((_CGROUP / "memory.current").read_text())
                   + int(facts.get("inactive_file", 0)))
    return None


def in_words(count: float) -> str:
    """Bytes as text, in the largest suitable unit.

    >>> in_words(3.2e9), in_words(5e6), in_words(1.5e15)
    ('3.2 GB', '5 MB', '1,500.0 TB')
    """
    if count >= 1e12:
        return f"{count / 1e12:,.1f} TB"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


def is_exhausted(error: BaseException) -> bool:
    """Whether `error` means out of memory, for which torch raises various RuntimeErrors."""
    text = str(error)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and (
        "allocate memory" in text or "out of memory" in text or "Storage size" in text))


def check_memory(needed: float, what: str, remedy: str, device: torch.device | None = None) -> None:
    """Raise TooLargeError if `what` needs more bytes than are free."""
    free = free_memory(device)
    if free is not None and needed > free:
        raise TooLargeError(f"{what} take about {in_words(needed)} of memory, and {in_words(free)} "
                            f"is free; {remedy}")
