"""Jacobian covariance: decorrelation of the input gradients of a batch.

Mellor et al. 2020 (first version of arXiv 2006.04647): with the eigenvalues v of the
correlation matrix of the N images' gradients, -sum_i (log(v_i + k) + 1 / (v_i + k)).
"""

from __future__ import annotations

import math

import torch
from torch import nn

from zoo.scores.batch import Batch
from zoo.scores.layers import input_gradients

SMALL = 1e-5  # k


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """The score, higher for less correlated gradients; needs at least two images.  -inf if the
    gradient of an image is constant, which has no correlation."""
    correlation = torch.corrcoef(input_gradients(network, batch).double())
    if not correlation.isfinite().all():
        return -math.inf
    values = torch.linalg.eigvalsh(correlation)
    values = values.clamp(min=0) + SMALL
    return -(values.log() + 1 / values).sum().item()
