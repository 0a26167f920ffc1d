"""One supernet on several GPUs or machines: each process has a part of every batch.

``torchrun --nproc-per-node 4 -m search run ...`` starts the processes; gradients are averaged
through torch's own distributed package, so that all of them hold the same weights.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor


def is_started() -> bool:
    """Has torchrun started this process beside others?"""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


@contextlib.contextmanager
def group(device: torch.device) -> Iterator[torch.device]:
    """Join the other processes, where there are any; the device of this one."""
    if not is_started():
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


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
