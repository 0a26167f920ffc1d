"""The cost of a network: parameters and multiply-adds, computed from tensor shapes.

Counts the convolutions and linear layers for one image, as in Tables 1 and 3 of Liu et al. 2019,
without batch-norm, pooling, additions and the auxiliary head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Cost:
    """The number of `parameters`, and of `multiply_adds` in a forward pass of one image."""

    parameters: int
    multiply_adds: int


def parameters(model: nn.Module) -> int:
    """The number of parameters, without the auxiliary head."""
    return sum(value.numel() for name, value in model.named_parameters()
               if not name.startswith("auxiliary_head."))


def cost(model: nn.Module, input_shape: tuple[int, int, int]) -> Cost:
    """The cost of `model`, on any device, for images of `input_shape` (channels, H, W).

    Runs on torch's meta device, without arithmetic.
    """
    total = 0

    def count(module: nn.Conv2d | nn.Linear, inputs: object, output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            per_output = math.prod(module.kernel_size) * module.in_channels // module.groups
            total += per_output * math.prod(output.shape[1:])
        else:
            total += module.in_features * module.out_features

    counted = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [module.register_forward_hook(count) for module in counted]
    was_training = model.training
    try:
        with torch.no_grad():
            meta = {name: value.to("meta") for name, value in model.state_dict().items()}
            images = torch.empty(1, *input_shape, device="meta")
            torch.func.functional_call(model.eval(), meta, (images,))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return Cost(parameters(model), total)
