"""A .pt2 file of `torch.export.save`, or an ExportedProgram, as a source.

The reference is the program in float64: its graph, with every cast to float32 as one to float64.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from export.network import pt2_file, torch_program
from export.network.torch_program import Program, ProgramError
from export.sources import custom, module
from export.sources.call import Call, outputs_of
from export.sources.custom import CustomModel
from zoo.artifact.manifest import Origin


def from_file(path: Path, shapes: Sequence[str] = ()) -> CustomModel:
    """The source of the .pt2 file at `path`.  `shapes`, as ``NAME=1,3,224,224``, say how large
    inputs are whose sizes the program leaves open; else they are those of its example.

    Raises ProgramError for a file that cannot be used.
    """
    from export.sources.onnx_file import parsed

    origin = Origin(file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    return from_program(pt2_file.read(path), path.stem, str(path), origin,
                        dict(parsed(each) for each in shapes))


def from_program(program: ExportedProgram, name: str, what: str, origin: Origin | str,
                 shapes: Mapping[str, Sequence[int]] | None = None) -> CustomModel:
    """The source of a program that torch.export has traced.  Errors are as those of `from_file`."""
    torch_program.check(program, what)
    inputs = module.inputs_of(program)
    call = Call(tuple(_example(program, node, (shapes or {}).get(node.name), what)
                      for node in inputs), {}, [node.name for node in inputs])
    unknown = set(shapes or {}) - set(call.names)
    if unknown:
        raise ProgramError(f"{what}: there is no input {min(unknown)!r}; it has "
                           f"{', '.join(call.names)}")
    for node, value in zip(inputs, call.tensors):
        _check_fits(node, value, what)
    outputs = outputs_of(call, _Structured(program), what)
    narrow, wide = _Structured(program), _Structured(program, wide=True).double()
    batched = call.batch is not None and all(module.is_open(node) for node in inputs)

    def made(single: str = "") -> CustomModel:
        found = module.folded(program, call, outputs, what, batched and not single, single,
                              "the program was exported for it")
        given = call if found.open_batch or not batched else call.row(0)
        expected, told = module.reference(narrow, wide, program, given, outputs, found.open_batch,
                                          what)
        count = sum(each.numel() for each in program.state_dict.values()
                    if isinstance(each, nn.Parameter))
        return custom.source("pt2", name, found, expected, origin, count,
                             len(program.graph.nodes), told,
                             single=lambda: made("a node needs a known one"))

    return made()


class _Structured(nn.Module):
    """A program that takes its tensors one after the other, and gives what it was traced with."""

    def __init__(self, program: ExportedProgram, wide: bool = False) -> None:
        super().__init__()
        spec = program.module_call_graph[0].signature.out_spec  # pyright: ignore
        self.program = Program(program, range(spec.num_leaves), wide=wide)
        self.spec = spec

    def forward(self, *tensors: Tensor) -> Any:
        return pytree.tree_unflatten(self.program(*tensors), self.spec)


def _example(program: ExportedProgram, node: torch.fx.Node, shape: Sequence[int] | None,
             what: str) -> Tensor:
    """A tensor for an input: that which the program was saved with, or one of its values at the
    sizes that the user says."""
    value = node.meta.get("val")
    if not isinstance(value, Tensor):
        raise ProgramError(f"{what}: its input {node.name} is no tensor")
    saved = dict(zip(program.graph_signature.user_inputs,
                     pytree.tree_leaves(program.example_inputs or ())))
    given = saved.get(node.name)
    if given is not None and shape is None:
        return given.detach().cpu().contiguous()
    if shape is None:
        shape = [size if isinstance(size, int) else 0 for size in value.shape]
        if 0 in shape[1:]:
            shown = ",".join(str(size or "?") for size in shape)
            raise ProgramError(f"{what}: input {node.name!r} is open in sizes other than the batch "
                               f"({shown}); say them, as in --input-shape "
                               f"{node.name}={shown.replace('?', '64')}")
        shape = [size or 1 for size in shape]
    generator = torch.Generator().manual_seed(0)
    if given is not None and given.numel():
        places = torch.randint(given.numel(), tuple(shape), generator=generator)
        return given.detach().cpu().flatten()[places]
    if value.dtype.is_floating_point:
        return torch.rand(tuple(shape), generator=generator)
    return torch.randint(2, tuple(shape), generator=generator).to(value.dtype)


def _check_fits(node: torch.fx.Node, value: Tensor, what: str) -> None:
    shape = node.meta["val"].shape
    if len(shape) != value.ndim or any(
            isinstance(size, int) and size != given for size, given in zip(shape, value.shape)):
        shown = ",".join(str(size) if isinstance(size, int) else "?" for size in shape)
        raise ProgramError(f"{what}: input {node.name!r} has shape {shown}, and "
                           f"{','.join(map(str, value.shape))} does not fit it")
