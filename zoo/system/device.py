"""Where a network computes, and how precisely."""

from __future__ import annotations

import platform

import torch

from zoo.messages.spelling import choices

PRECISIONS = ("auto", "float32", "bfloat16")


def pick_device(name: str = "auto") -> torch.device:
    """'auto': cuda, else mps, else cpu.  Raises ValueError for one that is not here."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(),
            "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in here.items() if there))
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    counts = {"cuda": torch.cuda.device_count(), "cpu": 1, "mps": 1}
    if device is None or not here.get(device.type) or (device.index or 0) >= counts[device.type]:
        raise ValueError(f"no device {name!r} here; use "
                         + ", ".join(kind for kind, there in here.items() if there))
    return device


def pick_precision(name: str, device: torch.device, of_recipe: str = "auto") -> torch.dtype:
    """'auto': that of the recipe; where it is 'auto' too, bfloat16 on a GPU that computes in it,
    else float32.  Raises ValueError for another name."""
    name = of_recipe if name == "auto" else name
    if name not in PRECISIONS:
        raise ValueError(f"unknown precision {choices(name, PRECISIONS)}")
    able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if name == "bfloat16" or (name == "auto" and able) else torch.float32


def slow_in(dtype: torch.dtype, device: torch.device) -> bool:
    """Is `dtype` bfloat16 on a CPU without products in it, which is slower than float32 there?"""
    if device.type != "cpu" or dtype != torch.bfloat16:
        return False
    # Known by name since torch 2.10; without it nothing is claimed.
    able = getattr(torch.cpu, "get_capabilities", lambda: {})()
    return able.get("architecture") == "x86_64" and not (
        able["avx512_bf16"] or able["amx_bf16"])


def hardware(device: torch.device, processes: int = 1) -> str:
    """What trained, for the card: 'NVIDIA H100', 'x86_64 CPU, 1 thread', '4 x NVIDIA H100'."""
    several = f"{processes} x " if processes > 1 else ""
    if device.type == "cuda":
        return several + torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    plural = "s" * (threads > 1)
    return f"{several}{platform.machine()} {device.type.upper()}, {threads} thread{plural}"
