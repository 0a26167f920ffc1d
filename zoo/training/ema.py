"""The average of a network's weights over the last steps, which is better than the last ones.

Polyak & Juditsky 1992; here an exponential one, batch-norm statistics included, that forgets
faster in the first steps, as `tf.train.ExponentialMovingAverage` does with `num_updates`.
"""

from __future__ import annotations

import copy

import torch
from torch import nn


class ModelEMA:
    """`model` here is a copy in eval mode that holds the averaged values of the trained one.

    After `steps` updates a value keeps the share min(`decay`, (1 + steps) / (10 + steps)).
    """

    def __init__(self, trained: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(trained).eval().requires_grad_(False)
        self.decay, self.steps = decay, 0
        # The parameters themselves: cuDNN moves the memory of an LSTM's.  Tied ones come once.
        pairs = [*zip(self.model.parameters(), trained.parameters()),
                 *zip(self.model.buffers(), trained.buffers())]
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the values that the trained network has now."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        averaged, new = zip(*self._floats)
        # torch lists these among its functions nowhere, but optimizers call them, too.
        torch._foreach_lerp_(averaged, new, 1 - keep)  # pyright: ignore[reportPrivateImportUsage]
        if self._counts:  # batches that batch-norm has seen
            counted, seen = zip(*self._counts)
            torch._foreach_copy_(list(counted), list(seen))  # pyright: ignore[reportPrivateImportUsage]

    def state_dict(self) -> dict:
        return {"steps": self.steps, "model": self.model.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.steps = state["steps"]
        self.model.load_state_dict(state["model"])
