"""SynFlow: the logarithm of the synaptic flow through all paths from input to output.

Tanaka et al. 2020 (arXiv 2006.05467): with R = 1^T (prod_l |w_l|) 1, the
saliency of a weight is w * dR/dw; the score is their sum (Abdelfattah et al. 2021, arXiv
2101.08134), here its logarithm, as in NAS-Bench-Suite-Zero.  R is the sum of the logits for an
image of ones in a network of absolute weights, in float64; batch-norm is skipped, since it would
cancel the scale that R measures.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from zoo.scores.batch import Batch
from zoo.scores.layers import gradients, weighted, weights


def measure(network: nn.Module, batch: Batch, generator: torch.Generator) -> float:
    """log of the sum of w * dR/dw; -inf if the flow is zero."""
    network.double()
    for module in weighted(network):  # contiguous is faster in float64
        module.weight.data = module.weight.data.contiguous()
    with torch.no_grad():
        for value in network.parameters():
            value.abs_()
    hooks = [module.register_forward_hook(lambda _, inputs, output: inputs[0])
             for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    try:
        flow = network(torch.ones(1, *batch.image_shape, dtype=torch.float64)).sum()
    finally:
        for hook in hooks:
            hook.remove()
    values = weights(network)
    total = sum((value.detach() * gradient).sum().item()
                for value, gradient in zip(values, gradients(flow, values)))
    return math.log(total) if total > 0 else -math.inf
