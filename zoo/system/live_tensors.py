"""Measures the peak memory of a computation's tensors, also on the meta device."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

#: Measured process memory per byte of tensors; the heap fragments more than a GPU's allocator.
ROOM = {"cpu": 2.1, "cuda": 1.15}


class LiveTensors(TorchDispatchMode):
    """A context that records in `peak` the maximum bytes of live tensors.

    Counts tensors created by operations, except those in `here_before`.
    """

    def __init__(self, here_before: Sequence[Tensor] = ()) -> None:
        super().__init__()
        self.known = {tensor.untyped_storage()._cdata for tensor in here_before}
        self.now = self.peak = 0

    def __torch_dispatch__(self, operation: Callable[..., object], types: Sequence[type],
                           arguments: Sequence[Any] = (),
                           options: Mapping[str, Any] | None = None) -> object:
        result = operation(*arguments, **(options or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size
