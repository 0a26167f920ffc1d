"""Captures a GPU step as a CUDA graph and replays it: one launch instead of thousands.

Steps of small networks are limited by kernel launches, not by the kernels.  A graph reads fixed
memory addresses, so inputs are copied to them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

_WARM_UP = 3  # steps before the capture, in which kernels are tuned and optimizers initialized


class CapturedStep:
    """`function` from tensors to a sequence of tensors, replayed if `device` is a GPU.

    `function` must not read values (no `.item()`) and must update its state in place.  Its outputs
    are valid until the next call.  On other devices it is called directly.
    Inputs of other shapes, such as a smaller last batch, run without the graph; it is captured
    again if they occur several times in a row.
    """

    def __init__(self, function: Callable[..., Sequence[Tensor]], device: torch.device) -> None:
        self.function, self.device = function, device
        self._graph: torch.cuda.CUDAGraph | None = None
        # Shapes and constants of the graph.
        self._captured: tuple[Hashable, Hashable] | None = None
        self._shapes: Hashable = None  # of the last call
        self._repeats = 0  # calls in a row with the same shapes
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self, *inputs: Tensor, constants: Hashable = None) -> Sequence[Tensor]:
        """Run one step.  `constants` are Python values that the function reads, such as a learning
        rate; when they change, the graph is captured again."""
        if self._stream is None:
            return self.function(*inputs)
        shapes = tuple((x.shape, x.dtype) for x in inputs)
        self._repeats = self._repeats + 1 if shapes == self._shapes else 1
        self._shapes = shapes
        warm = self._repeats > _WARM_UP or (self._captured and self._captured[0] == shapes)
        if not warm:
            return self._run_eagerly(self._stream, inputs)
        if self._graph is None or self._captured != (shapes, constants):
            self._graph = self._capture(inputs)
            self._captured = shapes, constants
        # Not documented, but torch's own optimizers use it.
        torch._foreach_copy_(self._inputs, list(inputs))  # pyright: ignore[reportPrivateImportUsage]
        self._graph.replay()
        return self._outputs

    def _run_eagerly(self, stream: torch.cuda.Stream, inputs: Sequence[Tensor]
                     ) -> Sequence[Tensor]:
        """Run a step without the graph, on the stream used for captures."""
        current = torch.cuda.current_stream(self.device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            outputs = self.function(*inputs)
        current.wait_stream(stream)
        return outputs

    def _capture(self, inputs: Sequence[Tensor]) -> torch.cuda.CUDAGraph:
        self._graph, self._outputs = None, ()
        self._inputs = [x.clone() for x in inputs]
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(self.device)
        with torch.cuda.graph(graph, stream=self._stream):
            self._outputs = self.function(*self._inputs)
        return graph
