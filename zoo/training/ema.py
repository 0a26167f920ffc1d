"""An exponential moving average of a network's weights.

Polyak & Juditsky 1992.  Includes batch-norm statistics and decays faster in the first steps, like
`tf.train.ExponentialMovingAverage` with `num_updates`.
"""

from __future__ import annotations

import copy

import torch
from torch import nn


class ModelEMA:
    """Keeps `model`, a copy of the trained network in eval mode with averaged values.

    The decay after `steps` updates is min(`decay`, (1 + steps) / (10 + steps)).
    """

    def __init__(self, trained: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(trained).eval().requires_grad_(False)
        self.decay, self.steps = decay, 0
        # Parameters rather than their data, because cuDNN moves the memory of an LSTM.
        pairs = [*zip(self.model.parameters(), trained.parameters()),
                 *zip(self.model.buffers(), trained.buffers())]
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Update the average with the current values of the trained network."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        averaged, new = zip(*self._floats)
        # Not documented, but torch's own optimizers use these functions.
        torch._foreach_lerp_(averaged, new, 1 - keep)  # pyright: ignore[reportPrivateImportUsage]
        if self._counts:  # num_batches_tracked of batch-norm
            counted, seen = zip(*self._counts)
            torch._foreach_copy_(list(counted), list(seen))  # pyright: ignore[reportPrivateImportUsage]

    def state_dict(self) -> dict:
        return {"steps": self.steps, "model": self.model.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.steps = state["steps"]
        self.model.load_state_dict(state["model"])
