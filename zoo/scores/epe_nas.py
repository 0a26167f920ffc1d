"""EPE-NAS: correlation of the images' input gradients within each class.

Lopes et al. 2021 (arXiv 2102.08099): with the correlation matrix S of the gradients of
a class, e = sum log(|S| + k); the score is the sum of |e| over the classes, the paper's form for up
to 100 classes.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from zoo.scores.batch import Batch
from zoo.scores.layers import input_gradients

SMALL = 1e-5  # k


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """Sum of |e|; a class with a single image in the batch adds almost nothing.  -inf if the
    gradient of an image is constant, which has no correlation."""
    gradients = input_gradients(network, batch).double()
    total = 0.0
    for label in batch.labels.unique():
        correlation = torch.corrcoef(gradients[batch.labels == label]).abs()
        total += (correlation + SMALL).log().sum().abs().item()
    return total if math.isfinite(total) else -math.inf
