"""NWOT (NAS without training): the log-determinant of the kernel of ReLU codes.

Mellor et al. 2021 (arXiv 2006.04647, section 3): the binary code of an image marks its active
ReLUs; K[i, j] = N_A - d_H(c_i, c_j) is the number of ReLUs on which images i and j agree, and the
score is log |K|.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.scores.batch import Batch
from zoo.scores.layers import in_memory_order, seen_by


@torch.no_grad()
def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """log |K|; -inf if two images have the same code, or the network has no ReLU."""
    count = len(batch.images)
    kernel = torch.zeros(count, count, dtype=torch.float64)

    def add(x: Tensor) -> None:
        # Agreements on one layer of d ReLUs: both on, or both off = d - on_i - on_j + both on.
        on = in_memory_order(x > 0).to(x.dtype)
        both = (on @ on.T).double()
        each = both.diagonal()
        kernel.add_(2 * both - each[:, None] - each[None, :] + on.shape[1])

    with seen_by(network, nn.ReLU, add):
        network(batch.images)
    return torch.linalg.slogdet(kernel).logabsdet.item()
