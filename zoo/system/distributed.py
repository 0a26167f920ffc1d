"""One network on several GPUs or machines: each process has a part of every batch.

``torchrun --nproc-per-node 4 -m zoo train ...`` or ``-m search run ...`` starts the processes;
gradients are averaged through torch's own distributed package, so that all of them hold the
same weights.
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
_PATIENCE = datetime.timedelta(hours=2)  # one process may read data while the others wait


def is_started() -> bool:
    """Has torchrun started this process beside others?"""
    return size() > 1


def is_main_process() -> bool:
    """Is this the process that writes and reports?"""
    return rank() == 0


def rank() -> int:
    """Number of this process; 0 is the one that writes and reports."""
    return int(os.environ.get("RANK", "0")) if is_started() else 0


def size() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextlib.contextmanager
def group(device: torch.device) -> Iterator[torch.device]:
    """Join the other processes, where there are any; the device of this one.

    Inside a group that is joined already this says the device and nothing else.  Raises
    ValueError where there are more processes than GPUs.
    """
    if not is_started():
        yield device
        return
    if device.type == "cuda":
        number, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if number >= count:
            raise ValueError(f"this machine has too few GPUs for {number + 1} processes: {count}; "
                             "start as many processes as GPUs, with --nproc-per-node")
        device = torch.device("cuda", number)
        torch.cuda.set_device(device)
    if dist.is_initialized():
        yield device
        return
    # The first optimizer loads this module, whose functions keep the group they find as a default:
    # its threads would live on after the group, and might abort the process as Python ends.
    importlib.import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield device
        dist.barrier()  # nobody hangs up while another still listens
    finally:
        dist.destroy_process_group()


def first(action: Callable[[], T]) -> T:
    """What `action` gives in the first process, which alone carries it out, in all of them.

    Its error is raised there and ends the others without a word.
    """
    if size() == 1:
        return action()
    given: list = [None, False]
    if rank() == 0:
        try:
            given = [action(), True]
        finally:
            dist.broadcast_object_list(given)
        return given[0]
    dist.broadcast_object_list(given)
    if not given[1]:
        raise SystemExit(1)
    return given[0]


def gather(tensor: Tensor) -> Tensor:
    """The tensors of all processes, stacked in the order of their numbers."""
    if size() == 1:
        return tensor[None]
    parts = [torch.empty_like(tensor) for _ in range(size())]
    dist.all_gather(parts, tensor.contiguous())
    return torch.stack(parts)


def average(gradients: Sequence[Tensor]) -> None:
    """Make each tensor its mean over all processes, in place; one message for all of them."""
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
    """A number for an epoch, another one in each process, or the same `everywhere`."""
    words = [seed, epoch, 0 if everywhere else 1 + rank()]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
