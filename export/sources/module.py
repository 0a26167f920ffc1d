"""A torch.nn.Module as a source: any network in eval mode, traced by `torch.export`.

The reference is a float64 copy of the module, run eagerly; its float32 graph is exported.  The
module itself is not modified.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from export.checks import parity
from export.network import onnx_fold, torch_program
from export.network.deploy import ImageClassifier
from export.network.onnx_file import MOST_BYTES
from export.network.torch_program import WIDE, Program, ProgramError, one_line
from export.sources import custom
from export.sources.call import Call, Example, call_of, outputs_of
from export.sources.custom import CustomModel
from zoo.artifact.manifest import Input

#: Inputs of the parity check with an open batch: the example's, then permutations of its values.
_INPUTS = 4


def from_module(module: nn.Module, name: str, example: Example | None = None,
                images: Input | None = None, labels: Sequence[str] = ()) -> CustomModel:
    """The source of `module`, called with tensors like those of `example`; or, with `images`, of
    a classifier of such images into `labels`.

    Raises ProgramError for a module that is in training mode, fails on the example, cannot be
    traced, or returns values that are not tensors or not finite.
    """
    if not isinstance(module, nn.Module):
        raise ProgramError(f"a {type(module).__name__} is not a torch.nn.Module and cannot be "
                           "exported")
    module = getattr(module, "_orig_mod", module)  # unwraps torch.compile
    what = type(module).__name__
    _check_mode(module, what)
    _check_weights(module, what)
    if (example is None) == (images is None):
        raise ProgramError(f"{what}: give either example=, tensors to call it with, or input=, an "
                           "export.Input for an image classifier")
    try:
        plain = copy.deepcopy(module).cpu().requires_grad_(False)
    except Exception as error:
        raise ProgramError(f"{what} cannot be copied: {one_line(error)}") from None
    notes = _in_float32(plain)
    wide = copy.deepcopy(module).cpu().requires_grad_(False).double()
    parameters = sum(each.numel() for each in module.parameters())
    origin = f"{type(module).__module__}.{type(module).__qualname__}"
    multiply_adds = None
    if images is None:
        assert example is not None
        call = call_of(module, example, what)
        outputs = outputs_of(call, plain, what)
        traced: nn.Module = plain
    else:
        call, labels, multiply_adds = _classify(plain, images, labels, what)
        outputs = {"logits": 0, "probabilities": 1}
        traced = ImageClassifier(plain, images).float().eval()
        wide = _Reference(wide, images)
    alone = call if images is None else call.row(0)  # for a fixed batch

    def build(single: str = "") -> CustomModel:
        program, batched = traced_program(traced, call, alone, what, single)
        try:
            graph = folded(program, call if batched else alone, outputs, what, batched, single)
        except ProgramError:
            if not batched:
                raise
            return build("the module's values depend on the batch that it was traced with")
        inputs = call if graph.open_batch else call.row(0) if batched else alone
        expected, more = reference(plain if images is None else _Reference(plain, images), wide,
                                   program, inputs, outputs, graph.open_batch, what)
        expected.relative = images is None
        return custom.source(
            "module", name, graph, expected, origin, parameters, len(program.graph.nodes),
            [*notes, *more], images, labels, multiply_adds,
            single=lambda: build("a node needs a fixed one"))

    return build()


class _Reference(nn.Module):
    """Logits and probabilities of raw pixels, without rewrites."""

    def __init__(self, network: nn.Module, spec: Input) -> None:
        super().__init__()
        self.network, self.spec = network, spec

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        outputs = parity.classified(self.network, pixels, self.spec)
        return outputs["logits"], outputs["probabilities"]


def _check_mode(module: nn.Module, what: str) -> None:
    if isinstance(module, torch.jit.ScriptModule):
        raise ProgramError(f"{what} is a TorchScript module, which torch.export does not trace; "
                           "export the original module")
    for name, each in module.named_modules():
        if each.training:
            where = f"its module {name} is" if name and not module.training else "it is"
            raise ProgramError(f"{what}: {where} in training mode; call .eval() first")


def _check_weights(module: nn.Module, what: str) -> None:
    size = 4 * sum(each.numel() for each in (*module.parameters(), *module.buffers()))
    if size > MOST_BYTES:
        raise ProgramError(f"{what} has {size / 1e9:.1f} GB of weights; at most 2 GB can be "
                           "exported, already more than a browser loads")
    for name, value in module.state_dict().items():
        if isinstance(value, Tensor) and value.is_meta:
            raise ProgramError(f"{what}: {name} is on the meta device and has no values")
        if isinstance(value, Tensor) and value.is_floating_point() and not value.isfinite().all():
            raise ProgramError(f"{what}: its weights {name} are not finite; load other weights")


def _in_float32(module: nn.Module) -> list[str]:
    """Convert all weights to float32 in place; returns a note if any had another dtype."""
    dtypes = {value.dtype for value in (*module.parameters(), *module.buffers())
              if value.is_floating_point() and value.dtype != torch.float32}
    module.float()
    names = " and ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
    return [f"Numbers of {names} are computed in float32."] if dtypes else []


def _classify(module: nn.Module, images: Input, labels: Sequence[str], what: str
              ) -> tuple[Call, list[str], int | None]:
    """The call of an image classifier, its labels, and its multiply-adds for one image."""
    if not (images.height and images.width and images.channels and images.range):
        raise ProgramError(f"{what}: input= needs height, width and channels of the images")
    if not images.mean:
        raise ProgramError(f"{what}: input= needs the mean and std of the training; "
                           f"mean={[0.0] * images.channels}, std={[1.0] * images.channels} for "
                           "pixels scaled to 0..1")
    low, high = images.range
    shape = images.height, images.width, images.channels
    count = 8 if math.prod(shape[:2]) <= 64 * 64 else 2
    pixels = np.random.default_rng(0).uniform(low, high, (count, *shape)).astype(np.float32)
    one = Call((torch.zeros(1, images.channels, images.height, images.width),), {}, ["images"])
    outputs_of(one, module, what)
    with FlopCounterMode(display=False) as counted:
        logits = one.run(module)
    if not isinstance(logits, Tensor) or logits.ndim != 2 or not logits.is_floating_point():
        shown = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ProgramError(f"{what}: an image classifier returns one tensor, (images, classes), "
                           f"not {shown}; give example= in place of input=")
    classes = logits.shape[1]
    if labels and len(labels) != classes:
        raise ProgramError(f"{what}: {len(labels)} labels for {classes} classes")
    return (Call((torch.from_numpy(pixels),), {}, [images.name]),
            list(labels) or [f"class {index}" for index in range(classes)],
            counted.get_total_flops() // 2 or None)


def traced_program(module: nn.Module, call: Call, alone: Call, what: str, single: str
                   ) -> tuple[torch.export.ExportedProgram, bool]:
    """The traced module, and whether its batch is open; if not, as with a `single` reason for it,
    the module is traced with `alone`."""
    if call.batch is not None and not single:
        pair = call.of([torch.cat([each[:1], each[:1]]) for each in call.tensors])
        try:
            program = torch_program.trace(module, pair.args, pair.kwargs, what, open_batch=True)
        except ProgramError:  # raised again below unless the open batch is the cause
            pass
        else:
            if all(is_open(node) for node in inputs_of(program)):
                torch_program.check(program, what)
                return program, True
    program = torch_program.trace(module, alone.args, alone.kwargs, what)
    torch_program.check(program, what)
    return program, False


def inputs_of(program: torch.export.ExportedProgram) -> list[torch.fx.Node]:
    """The input nodes of a program, without its weights."""
    names = set(program.graph_signature.user_inputs)
    return [node for node in program.graph.nodes
            if node.op == "placeholder" and node.name in names]


def is_open(node: torch.fx.Node) -> bool:
    """Whether the first size of an input is symbolic."""
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.ndim > 0 and not isinstance(value.shape[0], int)


def folded(program: torch.export.ExportedProgram, call: Call, outputs: dict[str, int], what: str,
           batched: bool, single: str = "", fixed: str = "the module supports no other"
           ) -> onnx_fold.Folded:
    """The folded graph of a program, with an open batch if the check passes; `fixed` is the reason
    given if it is not `batched`."""
    first = call.row(0) if batched else call

    def at(batch: int) -> Any:
        tensors = [each.repeat(batch, *[1] * (each.ndim - 1)) if batched else each
                   for each in first.tensors]
        return torch_program.to_onnx(program, tensors, call.names, outputs, what)

    one = at(1)
    shapes = {name: list(each.shape) for name, each in zip(call.names, first.tensors)}
    if not batched and not single:
        single = fixed if call.batch is not None else "the inputs share no batch"
    return onnx_fold.fold(one, shapes, what, single, other=at if batched else None)


def reference(plain: nn.Module, wide: nn.Module, program: torch.export.ExportedProgram, call: Call,
              outputs: dict[str, int], batched: bool, what: str
              ) -> tuple[parity.Reference, list[str]]:
    """The network's outputs in float64, each input run alone, with their float32 errors; and notes
    for the manifest."""
    notes: list[str] = []
    calls = _calls(plain, call, outputs) if batched else [call]
    narrow = _outputs(plain, calls, outputs)
    try:
        exact = _outputs(wide, [_widened(each) for each in calls], outputs)
    except Exception as error:
        reason = one_line(error)
        try:  # the graph, with every cast to float32 replaced by one to float64
            graph = Program(program, list(outputs.values()), types=WIDE).double()
            exact = [dict(zip(outputs, graph(*(each.double() if each.is_floating_point() else each
                                               for each in one.tensors)))) for one in calls]
            notes.append("The reference is the traced graph in float64, as the module itself does "
                         f"not run in float64 ({reason}).")
        except Exception:
            exact = narrow
            notes.append("The reference is PyTorch in float32, as the network does not run in "
                         f"float64 ({reason}).")
    together = [{name: torch.cat([each[name] for each in side]) if batched else side[0][name]
                 for name in outputs} for side in (narrow, exact)]
    for name, value in together[1].items():
        if value.is_floating_point() and not value.isfinite().all():
            raise ProgramError(f"{what}: its output {name} is not finite, so parity cannot be "
                               "checked")
    inputs = {name: np.ascontiguousarray(torch.cat(each).numpy()) if batched else each[0].numpy()
              for name, each in zip(call.names, zip(*(one.tensors for one in calls)))}
    values = {name: (value.float() if value.is_floating_point() else value).numpy()
              for name, value in together[1].items()}
    return parity.Reference(inputs, values, 0, parity.distances(*together), batched), notes


def _calls(module: nn.Module, call: Call, outputs: dict[str, int]) -> list[Call]:
    """Calls with one input each: those of the example, filled up to `_INPUTS` with random
    permutations of the first."""
    rows = [call.row(index) for index in range(cast("int", call.batch))]
    generator = torch.Generator().manual_seed(0)
    for _ in range(_INPUTS - len(rows)):
        other = rows[0].of([each.flatten()[torch.randperm(each.numel(), generator=generator)]
                            .reshape(each.shape) for each in rows[0].tensors])
        try:
            values = _outputs(module, [other], outputs)[0]
        except Exception:  # not every permutation is a valid input
            continue
        if all(value.isfinite().all() for value in values.values()):
            rows.append(other)
    return rows


def _outputs(module: nn.Module, calls: Sequence[Call], outputs: dict[str, int]
             ) -> list[dict[str, Tensor]]:
    results = []
    for call in calls:
        leaves = pytree.tree_leaves(call.run(module), is_leaf=lambda each: each is None)
        results.append({name: leaves[index].detach() for name, index in outputs.items()})
    return results


def _widened(call: Call) -> Call:
    return call.of([each.double() if each.is_floating_point() else each for each in call.tensors])
