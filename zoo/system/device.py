"""Devices and precisions."""

from __future__ import annotations

import platform

import torch

from zoo.messages.spelling import choices

PRECISIONS = ("auto", "float32", "bfloat16")


def pick_device(name: str = "auto") -> torch.device:
    """The device `name`; 'auto' is cuda, else mps, else cpu.  Raises ValueError if unavailable."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(),
                 "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, usable in available.items() if usable))
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    counts = {"cuda": torch.cuda.device_count(), "cpu": 1, "mps": 1}
    if (device is None or not available.get(device.type)
            or (device.index or 0) >= counts[device.type]):
        raise ValueError(f"no device {name!r} here; use "
                         + ", ".join(kind for kind, usable in available.items() if usable))
    return device


def pick_precision(name: str, device: torch.device, of_recipe: str = "auto") -> torch.dtype:
    """The dtype of a precision; 'auto' is that of the recipe.  If that is 'auto' too, bfloat16 on a
    GPU that supports it, else float32.  Raises ValueError for an unknown name."""
    name = of_recipe if name == "auto" else name
    if name not in PRECISIONS:
        raise ValueError(f"unknown precision {choices(name, PRECISIONS)}")
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if name == "bfloat16" or (name == "auto" and fast) else torch.float32


def slow_in(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether `dtype` is bfloat16 on a CPU without bfloat16 products, slower than float32 there."""
    if device.type != "cpu" or dtype != torch.bfloat16:
        return False
    # Available since torch 2.10; with older releases the result is False.
    capabilities = getattr(torch.cpu, "get_capabilities", lambda: {})()
    return capabilities.get("architecture") == "x86_64" and not (
        capabilities["avx512_bf16"] or capabilities["amx_bf16"])


def hardware(device: torch.device, processes: int = 1) -> str:
    """The hardware of a training: 'NVIDIA H100', 'x86_64 CPU, 1 thread', '4 x NVIDIA H100'."""
    count = f"{processes} x " if processes > 1 else ""
    if device.type == "cuda":
        return count + torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    plural = "s" * (threads > 1)
    return f"{count}{platform.machine()} {device.type.upper()}, {threads} thread{plural}"
