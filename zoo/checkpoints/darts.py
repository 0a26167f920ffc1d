"""Image networks of the 2018 release (github.com/quark0/darts) and of its many forks, which keep
its names; those of hierarchical cells and of NAS-Bench-201, which are named alike.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from zoo.checkpoints.file import WeightsError

#: By these the kinds of network are told apart; one of NAS-Bench-201 has the first too.
MARKS = {"cifar": "stem.0.weight", "imagenet": "stem0.0.weight",
         "nasbench201": "lastact.0.weight"}
#: By these a network is found in a checkpoint, whatever stands in front of its names.
NAMES = (*MARKS.values(), "cells.0.preprocess1.op.1.weight", "classifier.weight")
_MIXED = re.compile(r"cells\.\d+\._ops\.\d+\._ops\.\d+\.")


def is_supernet(name: str) -> bool:
    """Whether a tensor is one of a search, where an edge holds every operation."""
    return _MIXED.match(name) is not None


def is_hierarchical(tensors: dict[str, Tensor]) -> bool:
    """Whether the network is one of a hierarchical cell, with a convolution after every cell."""
    return "connections.0.0.weight" in tensors


def sizes(kind: str, tensors: dict[str, Tensor], where: str) -> dict[str, int]:
    """Channels, layers, classes and input channels, from the shapes.  Raises WeightsError."""
    numbers = {int(match[1]) for name in tensors
               if (match := re.match(r"cells\.(\d{1,6})\.", name))}
    layers = len(numbers)
    if not numbers or numbers != set(range(layers)):
        raise WeightsError(f"{where} has no whole row of cells (cells.0. to "
                           f"cells.{max(numbers, default=0)}.); get it again")
    first = size("stem.0.weight" if kind == "nasbench201" else MARKS[kind], 4, tensors, where)
    classes = size("classifier.weight", 2, tensors, where)[0]
    if kind == "imagenet":
        channels = size("stem1.1.weight", 4, tensors, where)[0]
    elif kind == "nasbench201":
        channels = first[0]
        layers -= sum(f"cells.{number}.conv_a.op.1.weight" in tensors for number in numbers)
    else:
        channels = first[0] if is_hierarchical(tensors) else first[0] // 3
    return {"channels": max(channels, 1), "layers": layers, "num_classes": classes,
            "in_channels": first[1]}


def size(name: str, dimensions: int, tensors: dict[str, Tensor], where: str) -> torch.Size:
    """The shape of a tensor.  Raises WeightsError where it is missing or has other dimensions."""
    if name not in tensors or tensors[name].ndim != dimensions or 0 in tensors[name].shape:
        shape = f" (it has shape {tuple(tensors[name].shape)})" if name in tensors else ""
        raise WeightsError(f"{where}: {name} is missing or has no size that fits{shape}")
    return tensors[name].shape


def counted(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """With the counters of batches that torch 0.3, which wrote the published files, had not."""
    counters = {name.replace("running_mean", "num_batches_tracked"): torch.tensor(0)
                for name in tensors if name.endswith("running_mean")}
    return tensors | {name: value for name, value in counters.items() if name not in tensors}
