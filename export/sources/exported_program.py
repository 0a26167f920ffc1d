"""A .pt2 file of `torch.export.save`, or an ExportedProgram, as a source.

The reference is the program's graph in float64, with every cast to float32 replaced by one to
float64.  A program in another type is traced again in float32, the only one that all browser
runtimes have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from export.network import pt2_file, torch_program
from export.network.torch_program import ALL_WIDE, SINGLE, WIDE, Program, ProgramError
from export.sources import custom, module
from export.sources.call import Call, outputs_of
from export.sources.custom import CustomModel
from zoo.artifact.manifest import Origin


def from_file(path: Path, shapes: Sequence[str] = ()) -> CustomModel:
    """The source of the .pt2 file at `path`.  `shapes`, as ``NAME=1,3,224,224``, set sizes that the
    program leaves open; by default they are those of its example.

    Raises ProgramError for an unusable file.
    """
    from export.sources.onnx_file import parsed

    origin = Origin(file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    return from_program(pt2_file.read(path), path.stem, str(path), origin,
                        dict(parsed(each) for each in shapes))


def from_program(program: ExportedProgram, name: str, what: str, origin: Origin | str,
                 shapes: Mapping[str, Sequence[int]] | None = None) -> CustomModel:
    """The source of a program traced by torch.export.  Raises ProgramError as `from_file` does."""
    torch_program.check(program, what)
    inputs = module.inputs_of(program)
    call = Call(tuple(_example(program, node, (shapes or {}).get(node.name), what)
                      for node in inputs), {}, [node.name for node in inputs])
    unknown = set(shapes or {}) - set(call.names)
    if unknown:
        raise ProgramError(f"{what} has no input {min(unknown)!r}; its inputs are "
                           f"{', '.join(call.names)}")
    for node, value in zip(inputs, call.tensors):
        _check_fits(node, value, what)
    batched = call.batch is not None and all(module.is_open(node) for node in inputs)
    others = _other_types(program, call)
    wide = _Structured(program, ALL_WIDE if others else WIDE).double()
    converted = [f"Numbers of {' and '.join(others)} are computed in float32."] if others else []
    if others:
        call = Call(tuple(each.float() if each.is_floating_point() else each
                          for each in call.tensors), {}, call.names)
        program, batched = module.traced_program(
            _Structured(program, SINGLE).float(), call, call, what,
            "" if batched else "the program was exported for it")
    narrow = _Structured(program)
    outputs = outputs_of(call, narrow, what)

    def build(single: str = "") -> CustomModel:
        folded = module.folded(program, call, outputs, what, batched and not single, single,
                               "the program was exported for it")
        inputs = call if folded.open_batch or not batched else call.row(0)
        expected, notes = module.reference(narrow, wide, program, inputs, outputs,
                                           folded.open_batch, what)
        count = sum(each.numel() for each in program.state_dict.values()
                    if isinstance(each, nn.Parameter))
        return custom.source("pt2", name, folded, expected, origin, count,
                             len(program.graph.nodes), [*converted, *notes],
                             single=lambda: build("a node needs a fixed one"))

    return build()


class _Structured(nn.Module):
    """A program that takes its tensors as positional arguments and returns the original output
    structure."""

    def __init__(self, program: ExportedProgram,
                 types: Mapping[torch.dtype, torch.dtype] = MappingProxyType({})) -> None:
        super().__init__()
        spec = program.module_call_graph[0].signature.out_spec  # pyright: ignore
        self.program = Program(program, range(spec.num_leaves), types=types)
        self.spec = spec

    def forward(self, *tensors: Tensor) -> Any:
        return pytree.tree_unflatten(self.program(*tensors), self.spec)


def _other_types(program: ExportedProgram, call: Call) -> list[str]:
    """The floating-point types of a program's weights and inputs other than float32."""
    constants = [each for each in program.constants.values() if isinstance(each, Tensor)]
    return sorted({str(each.dtype).removeprefix("torch.")
                   for each in (*program.state_dict.values(), *constants, *call.tensors)
                   if each.is_floating_point() and each.dtype != torch.float32})


def _example(program: ExportedProgram, node: torch.fx.Node, shape: Sequence[int] | None,
             what: str) -> Tensor:
    """An example tensor for an input: the saved one, or values of it resampled to `shape`."""
    value = node.meta.get("val")
    if not isinstance(value, Tensor):
        raise ProgramError(f"{what}: its input {node.name} is not a tensor")
    examples = dict(zip(program.graph_signature.user_inputs,
                        pytree.tree_leaves(program.example_inputs or ())))
    saved = examples.get(node.name)
    if saved is not None and shape is None:
        return saved.detach().cpu().contiguous()
    if shape is None:
        shape = [size if isinstance(size, int) else 0 for size in value.shape]
        if 0 in shape[1:]:
            shown = ",".join(str(size or "?") for size in shape)
            raise ProgramError(f"{what}: input {node.name!r} has open sizes besides the batch "
                               f"({shown}); set them, as in --input-shape "
                               f"{node.name}={shown.replace('?', '64')}")
        shape = [size or 1 for size in shape]
    generator = torch.Generator().manual_seed(0)
    if saved is not None and saved.numel():
        indices = torch.randint(saved.numel(), tuple(shape), generator=generator)
        return saved.detach().cpu().flatten()[indices]
    if value.dtype.is_floating_point:
        return torch.rand(tuple(shape), generator=generator).to(value.dtype)
    return torch.randint(2, tuple(shape), generator=generator).to(value.dtype)


def _check_fits(node: torch.fx.Node, value: Tensor, what: str) -> None:
    shape = node.meta["val"].shape
    if len(shape) != value.ndim or any(
            isinstance(size, int) and size != other for size, other in zip(shape, value.shape)):
        shown = ",".join(str(size) if isinstance(size, int) else "?" for size in shape)
        raise ProgramError(f"{what}: input {node.name!r} has shape {shown}, which "
                           f"{','.join(map(str, value.shape))} does not fit")
