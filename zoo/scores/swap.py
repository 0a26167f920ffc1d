"""SWAP: the number of sample-wise activation patterns of a batch.

Peng et al. 2024 (arXiv 2403.04161, SWAP-NAS): the pattern of a ReLU is the set of images
that activate it; the score is the number of distinct patterns.  N images allow at most 2^N, so a
small batch distinguishes only small networks.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from zoo.scores.batch import Batch
from zoo.scores.layers import in_memory_order, seen_by


@torch.no_grad()
def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """The number of distinct patterns."""
    patterns: list[np.ndarray] = []

    def add(x: Tensor) -> None:
        on = in_memory_order(x > 0).T.contiguous().numpy()  # a row for each ReLU
        packed = np.packbits(on, axis=1)
        rows = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
        patterns.append(np.unique(rows))

    with seen_by(network, nn.ReLU, add):
        network(batch.images)
    return float(len(np.unique(np.concatenate(patterns)))) if patterns else 0.0
