"""A step on a GPU, recorded once as a CUDA graph and replayed: one launch instead of thousands.

Small networks spend a step waiting for the launches of their kernels, not for the kernels.
Everything that a step reads has to keep its place in memory, so inputs are copied into it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

_WARM_UP = 3  # steps that are not recorded: libraries choose kernels, optimizers make their state


class CapturedStep:
    """`function` from tensors to a sequence of tensors, replayed where `device` is a GPU.

    `function` may not look at values (no `.item()`) and keeps what it changes in place.  What it
    returns holds until the next call.  Elsewhere than on a GPU it is called directly.
    Inputs of other shapes, such as a smaller last batch, are computed without the graph; the
    graph is recorded anew where they come several times in a row.
    """

    def __init__(self, function: Callable[..., Sequence[Tensor]], device: torch.device) -> None:
        self.function, self.device = function, device
        self._graph: torch.cuda.CUDAGraph | None = None
        # Shapes and constants that the graph is of.
        self._recorded: tuple[Hashable, Hashable] | None = None
        self._shapes: Hashable = None  # of the last call
        self._in_a_row = 0
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self, *inputs: Tensor, constants: Hashable = None) -> Sequence[Tensor]:
        """One step.  `constants` are Python values that the function reads, such as a learning
        rate; the graph is recorded anew for others."""
        if self._stream is None:
            return self.function(*inputs)
        shapes = tuple((x.shape, x.dtype) for x in inputs)
        self._in_a_row = self._in_a_row + 1 if shapes == self._shapes else 1
        self._shapes = shapes
        warm = self._in_a_row > _WARM_UP or (self._recorded and self._recorded[0] == shapes)
        if not warm:
            return self._beside(self._stream, inputs)
        if self._graph is None or self._recorded != (shapes, constants):
            self._graph = self._record(inputs)
            self._recorded = shapes, constants
        # torch does not export it by name; its own optimizers call it, too.
        torch._foreach_copy_(self._inputs, list(inputs))  # pyright: ignore[reportPrivateImportUsage]
        self._graph.replay()
        return self._outputs

    def _beside(self, stream: torch.cuda.Stream, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """A step without the graph, on the stream that graphs are recorded on."""
        current = torch.cuda.current_stream(self.device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            outputs = self.function(*inputs)
        current.wait_stream(stream)
        return outputs

    def _record(self, inputs: Sequence[Tensor]) -> torch.cuda.CUDAGraph:
        self._graph, self._outputs = None, ()
        self._inputs = [x.clone() for x in inputs]
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(self.device)
        with torch.cuda.graph(graph, stream=self._stream):
            self._outputs = self.function(*self._inputs)
        return graph
