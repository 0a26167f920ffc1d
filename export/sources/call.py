"""The call of a PyTorch module: its example inputs by name, and the tensors it returns."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from export.network.torch_program import ProgramError, one_line

Example = Tensor | Sequence[Tensor] | Mapping[str, Tensor]


@dataclass
class Call:
    """Positional and keyword arguments of a network; `names` names their tensors, in order."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    names: list[str]

    @property
    def tensors(self) -> list[Tensor]:
        return pytree.tree_leaves((self.args, self.kwargs))

    def of(self, tensors: Sequence[Tensor]) -> Call:
        """The same call with other tensors."""
        _, spec = pytree.tree_flatten((self.args, self.kwargs))
        args, kwargs = pytree.tree_unflatten(list(tensors), spec)
        return Call(args, kwargs, self.names)

    def row(self, index: int) -> Call:
        """The call with one input of the batch."""
        return self.of([each[index:index + 1] for each in self.tensors])

    def run(self, module: nn.Module, seed: int = 0) -> Any:
        """The module's outputs, computed with random seed `seed`; the caller's random state is
        unchanged."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return module(*self.args, **self.kwargs)

    @property
    def batch(self) -> int | None:
        """The size of the first axis if all tensors share it, else None."""
        sizes = {tuple(each.shape[:1]) for each in self.tensors}
        return sizes.pop()[0] if len(sizes) == 1 and all(sizes) and () not in sizes else None


def call_of(module: nn.Module, example: Example, what: str) -> Call:
    """The call that passes `example` to a module: a mapping by keyword, a sequence by position.

    Raises ProgramError for values that cannot be exported.
    """
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    parameters = list(inspect.signature(module.forward).parameters.values())
    if isinstance(example, Mapping):
        kwargs, names = dict(example), list(example)
    else:
        args = (example,) if isinstance(example, Tensor) else tuple(example)
        positional = [each.name for each in parameters
                      if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
        names = (positional + [f"input_{index}" for index in range(len(positional), len(args))]
                 )[:len(args)]
    for name, value in zip(names, (*args, *kwargs.values())):
        if not isinstance(value, Tensor):
            raise ProgramError(f"{what}: the example's {name} is not a tensor but of type "
                               f"{type(value).__name__}; give a tensor, a tuple or a dict of them")
        if value.is_complex() or value.is_sparse or value.is_quantized:
            raise ProgramError(f"{what}: the example's {name} has {value.dtype} and "
                               f"{value.layout}, which no browser supports")
    if not names:
        raise ProgramError(f"{what}: the example has no tensors")

    def prepared(value: Tensor) -> Tensor:
        value = value.detach().cpu()
        return (value.float() if value.is_floating_point() else value).contiguous()

    return Call(tuple(map(prepared, args)), {key: prepared(each) for key, each in kwargs.items()},
                [str(name) for name in names])


def outputs_of(call: Call, module: nn.Module, what: str) -> dict[str, int]:
    """The names of a module's output tensors, with their indices among its flattened outputs.

    Raises ProgramError if the module fails on the example, the example has an empty tensor, on
    which every check would pass, or the outputs cannot be exported.
    """
    for name, value in zip(call.names, call.tensors):
        if not value.numel():
            raise ProgramError(f"{what}: the example's {name} is empty, {tuple(value.shape)}; give "
                               "at least one input")
    try:
        first, second = call.run(module), call.run(module, seed=1)
    except Exception as error:
        shapes = ", ".join(f"{name} {tuple(each.shape)}"
                           for name, each in zip(call.names, call.tensors))
        raise ProgramError(f"{what} fails on the example ({shapes}): {one_line(error)}"
                           ) from None
    leaves, _ = pytree.tree_flatten_with_path(first)
    repeated = pytree.tree_leaves(second)
    names: dict[str, int] = {}
    for index, ((path, value), other) in enumerate(zip(leaves, repeated)):
        name = "_".join(str(getattr(each, "key", getattr(each, "idx", getattr(each, "name", each))))
                        for each in path)
        name = "output" if not name else f"output_{name}" if name[0].isdigit() else name
        if value is None or isinstance(value, (bool, int, float, str)):
            continue  # a constant
        if not isinstance(value, Tensor):
            raise ProgramError(f"{what}: its output {name} has type {type(value).__name__}; only "
                               "tensors, and tuples, lists and dicts of them, can be exported")
        if value.is_complex():
            raise ProgramError(f"{what}: its output {name} is complex, which no browser supports")
        if value.is_floating_point() and not value.isfinite().all():
            raise ProgramError(f"{what}: its output {name} is not finite for the example, so "
                               "parity cannot be checked")
        if value.shape != other.shape or not torch.allclose(
                value.double(), other.double(), rtol=1e-3, atol=1e-6):
            raise ProgramError(f"{what}: its output {name} differs from call to call; an exported "
                               "graph has no random numbers and no memory")
        while name in names or name in call.names:
            name += "_"
        names[name] = index
    if not names:
        raise ProgramError(f"{what} returns no tensor")
    return names
