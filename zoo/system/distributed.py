"""Data-parallel training on several GPUs or machines: each process has a part of every batch.

``torchrun --nproc-per-node 4 -m zoo train ...`` or ``-m search run ...`` starts the processes.
Gradients are averaged with torch.distributed, so that all processes hold the same weights.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")
_TIMEOUT = datetime.timedelta(hours=2)  # one process may read data while the others wait


def is_started() -> bool:
    """Whether torchrun started several processes."""
    return size() > 1


def is_main_process() -> bool:
    """Whether this is the process that writes and reports."""
    return rank() == 0


def rank() -> int:
    """The number of this process; process 0 writes and reports."""
    return int(os.environ.get("RANK", "0")) if is_started() else 0


def size() -> int:
    """The number of processes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextlib.contextmanager
def group(device: torch.device) -> Iterator[torch.device]:
    """Join the group of processes, if there are several; yield the device of this one.

    Does not join again inside a group.  Raises ValueError for more processes than GPUs.
    """
    if not is_started():
        yield device
        return
    if device.type == "cuda":
        number, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if number >= count:
            raise ValueError(f"this machine has {count} GPUs, too few for {number + 1} processes; "
                             "start one process per GPU with --nproc-per-node")
        device = torch.device("cuda", number)
        torch.cuda.set_device(device)
    if dist.is_initialized():
        yield device
        return
    # The first optimizer imports this module, whose functions keep the current group as a default
    # argument: its threads would outlive the group and could abort the process at exit.
    importlib.import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield device
        dist.barrier()  # no process leaves while another still receives
    finally:
        dist.destroy_process_group()


def first(action: Callable[[], T]) -> T:
    """Run `action` in the first process only, and return its result in all of them.

    An error is raised in the first process and ends the others silently.
    """
    if size() == 1:
        return action()
    result: list = [None, False]
    if rank() == 0:
        try:
            result = [action(), True]
        finally:
            dist.broadcast_object_list(result)
        return result[0]
    dist.broadcast_object_list(result)
    if not result[1]:
        raise SystemExit(1)
    return result[0]


def gather(tensor: Tensor) -> Tensor:
    """The tensors of all processes, stacked by rank."""
    if size() == 1:
        return tensor[None]
    parts = [torch.empty_like(tensor) for _ in range(size())]
    dist.all_gather(parts, tensor.contiguous())
    return torch.stack(parts)


def average(gradients: Sequence[Tensor]) -> None:
    """Average each tensor over all processes, in place, in a single message."""
    if size() == 1:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= size()
    at = 0
    for gradient in gradients:
        gradient.copy_(flat[at:at + gradient.numel()].view_as(gradient))
        at += gradient.numel()


def seed_of(seed: int, epoch: int, everywhere: bool = False) -> int:
    """A seed for an epoch, different in each process or the same `everywhere`."""
    words = [seed, epoch, 0 if everywhere else 1 + rank()]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
