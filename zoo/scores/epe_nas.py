"""EPE-NAS: correlation of the images' input gradients within each class.

Lopes et al. 2021 (arXiv 2102.08099, section 3): for the images of each class, the correlation
matrix S of their gradients gives e = sum log(|S| + k), and the score is the sum of |e| over the
classes, as the paper has it for up to 100.
"""

from __future__ import annotations

import torch
from torch import nn

from zoo.scores.batch import Batch
from zoo.scores.layers import input_gradients

SMALL = 1e-5  # k


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """A class with a single image in the batch adds (almost) nothing."""
    found = input_gradients(network, batch).double()
    total = 0.0
    for label in batch.labels.unique():
        correlation = torch.corrcoef(found[batch.labels == label]).abs()
        total += (correlation + SMALL).log().sum().abs().item()
    return total
