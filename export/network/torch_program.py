"""A PyTorch program as an ONNX graph: traced by `torch.export`, written by the older exporter.

torch.export refuses what a trace would get wrong in silence, such as a branch on the values of a
tensor, and knows the line of the user's code.  What it has traced is then written by the older
exporter, that of TorchScript: it takes a fifth of the time of the newer one and no package more.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import logging
import re
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram
from torch.fx.node import map_aggregate
from torch.utils import _pytree as pytree

from export.logs import captured

#: The first is what all converters read; the second has a few operations more.
_OPSETS = (17, 20)

#: Operations of torch whose answer is a number that the rest of the program computes with.
_ESCAPES = {"aten::item", "aten::_local_scalar_dense", "aten::is_nonzero"}



def _bilinear(left: Tensor, right: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    found = torch.einsum("...i,kij,...j->...k", left, weight, right)
    return found if bias is None else found + bias


#: What neither the exporter nor torch's own table of decompositions writes in other operations.
_WRITTEN_OUT: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.bilinear.default: _bilinear,
    torch.ops.aten.lift_fresh_copy.default: torch.clone,
    torch.ops.aten.lift_fresh.default: torch.clone,
}


class ProgramError(ValueError):
    """A network that cannot be traced or written; the message names the line of its code."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """torch prints graphs and warnings on the way to its errors, which are told in one line."""

    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), captured():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def trace(module: nn.Module, args: Sequence[Any], kwargs: dict[str, Any], what: str,
          open_batch: bool = False) -> ExportedProgram:
    """The program that `module` runs on such inputs; with `open_batch` the first axis of all
    tensors among them is open where the module allows.

    Raises ProgramError, which names the line of the user's code.
    """
    def axes(value: Any) -> Any:
        return {0: Dim.AUTO} if isinstance(value, Tensor) and value.ndim else None

    shapes = None
    if open_batch:
        tree = pytree.tree_map(axes, (tuple(args), dict(kwargs)))
        shapes = tree[1]
        for place, (name, kind) in enumerate(_parameters(module)[:len(args)]):
            several = kind is inspect.Parameter.VAR_POSITIONAL
            shapes[name] = tree[0][place:] if several else tree[0][place]
    try:
        with quiet(), torch.no_grad():
            return torch.export.export(module, tuple(args), dict(kwargs), dynamic_shapes=shapes,
                                       strict=False)
    except Exception as error:  # it has a dozen kinds
        raise ProgramError(f"{what} cannot be traced{_at(_frame(error))}: "
                           f"{_reason(error)}") from None


def _parameters(module: nn.Module) -> list[tuple[str, Any]]:
    """The names and kinds of the arguments of a module."""
    return [(each.name, each.kind)
            for each in inspect.signature(module.forward).parameters.values()]


def _frame(error: BaseException) -> tuple[str, int, str] | None:
    """The last line of code that is not torch's or ours, of those that led to an error."""
    ours = Path(__file__).resolve().parents[1]
    theirs = Path(torch.__file__).parent
    found = None
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_file() and not path.is_relative_to(theirs) and not path.is_relative_to(ours):
            found = (frame.filename, frame.lineno or 0, frame.line or "")
    return found


def _at(frame: tuple[str, int, str] | None) -> str:
    return "" if frame is None else f" at {frame[0]}:{frame[1]} (`{frame[2].strip()[:80]}`)"


def line_of(node: fx.Node) -> str:
    """Where the user's code has what a node of a traced program computes, or nothing."""
    theirs, found = str(Path(torch.__file__).parent), None
    lines = str(node.meta.get("stack_trace") or "").splitlines()
    for place, line in enumerate(lines):
        match = re.match(r'\s*File "(.+)", line (\d+)', line)
        if match and not match[1].startswith((theirs, "<")):
            code = lines[place + 1] if place + 1 < len(lines) else ""
            found = (match[1], int(match[2]), code)
    return _at(found)


def _reason(error: BaseException) -> str:
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    if isinstance(error, GuardOnDataDependentSymNode):
        return ("control flow depends on the values of a tensor; write it with torch.where, or "
                "export the part that does not branch")
    return one_line(error)


def one_line(error: BaseException) -> str:
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


class Program(nn.Module):
    """A traced program that takes its tensors one after the other, and gives its tensors so.

    `kept` are the places of its outputs that are tensors.  `replaced` are functions to call instead
    of operations; with `wide` constants and casts to float32 are of float64, as the weights then
    have to be.  Sizes that depend on the batch follow the inputs.
    """

    def __init__(self, program: ExportedProgram, kept: Sequence[int],
                 replaced: dict[Any, Callable[..., Any]] | None = None, wide: bool = False
                 ) -> None:
        super().__init__()
        with quiet():
            module = program.module(check_guards=False)
            if wide:  # the program keeps its weights
                module = copy.deepcopy(module)
        self.graph_module = fx.GraphModule(module, module.graph)
        self.kept, self.replaced, self.wide = list(kept), replaced or {}, wide

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        run = _Run(self.graph_module, self.replaced, self.wide)
        found = run.run(*tensors, enable_io_processing=False)
        found = list(found) if isinstance(found, (tuple, list)) else [found]
        return tuple(found[place] for place in self.kept)


class _Run(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, replaced: dict[Any, Callable[..., Any]],
                 wide: bool) -> None:
        super().__init__(module)
        self.replaced, self.wide = replaced, wide
        self.extra_traceback = False

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        name = getattr(target, "_overloadpacket", target)
        if name in (torch.ops.aten._assert_tensor_metadata, torch.ops.aten._assert_scalar):
            return None
        if self.wide:
            args, kwargs = map_aggregate((args, kwargs), _widened)
        return super().call_function(self.replaced.get(target) or target, args, kwargs)


def _widened(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


def check(program: ExportedProgram, what: str) -> None:
    """Raise ProgramError for what a graph without control flow cannot say: numbers that leave the
    graph, sizes that depend on values, branches, complex numbers."""
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        name, where = _name(node.target), line_of(node)
        if isinstance(node.target, torch._ops.HigherOrderOperator):
            if name.startswith("wrap_with"):  # no_grad and autocast
                continue
            raise ProgramError(f"{what}{where}: {name} is control flow, which is not converted")
        if name.split(".")[0] in _ESCAPES:
            raise ProgramError(f"{what}{where}: a number is taken out of a tensor, and what "
                               "follows depends on it; keep it a tensor")
        if node.meta.get("unbacked_bindings"):
            raise ProgramError(f"{what}{where}: {name} gives a tensor whose size depends on "
                               "values, which is not converted")
        values = node.meta.get("val")
        for value in values if isinstance(values, (tuple, list)) else [values]:
            if isinstance(value, Tensor) and value.is_complex():
                raise ProgramError(f"{what}{where}: {name} gives complex numbers, which no browser "
                                   "has")


def _name(target: Any) -> str:
    return str(target.name()) if isinstance(target, torch._ops.OpOverload) else str(target)


def to_onnx(program: ExportedProgram, tensors: Sequence[Tensor], names: Sequence[str],
            outputs: dict[str, int], what: str) -> onnx.ModelProto:
    """The graph of a program at the sizes of `tensors`.  `names` are those of its inputs,
    `outputs` the places of its outputs by name.

    Raises ProgramError for an operation that ONNX has no words for, with its line.
    """
    replaced: dict[Any, Callable[..., Any]] = {}
    opsets = list(_OPSETS)
    while True:
        module = Program(program, list(outputs.values()), replaced).eval()
        try:
            return _written(module, tensors, names, list(outputs), opsets[0])
        except torch.onnx.errors.UnsupportedOperatorError as error:
            operation = str(error).partition("::")[2].partition("'")[0]
            if _decompose(program, operation, replaced):
                continue
            if len(opsets) > 1:
                opsets.pop(0)
                continue
            nodes = [node for node in program.graph.nodes
                     if _name(node.target).split(".")[0] == f"aten::{operation}"]
            raise ProgramError(f"{what}{line_of(nodes[0]) if nodes else ''}: {operation} of "
                               "PyTorch has no counterpart in ONNX") from None
        except Exception as error:
            raise ProgramError(f"{what}: PyTorch cannot write it as ONNX: {one_line(error)}"
                               ) from None


def _written(module: nn.Module, tensors: Sequence[Tensor], names: Sequence[str],
             outputs: Sequence[str], opset: int) -> onnx.ModelProto:
    with quiet(), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(module, tuple(tensors), path, dynamo=False, opset_version=opset,
                          input_names=list(names), output_names=list(outputs),
                          do_constant_folding=True, keep_initializers_as_inputs=False)
        model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""  # paths of the machine
    return model


def _decompose(program: ExportedProgram, operation: str,
               replaced: dict[Any, Callable[..., Any]]) -> bool:
    """Have an operation computed by others, where torch knows how."""
    from torch._decomp import decomposition_table

    found = False
    for node in program.graph.nodes:
        target = node.target
        if _name(target).split(".")[0] == f"aten::{operation}" and target not in replaced:
            known = _WRITTEN_OUT.get(target) or decomposition_table.get(target)
            if known is None and target.has_kernel_for_dispatch_key(
                    torch._C.DispatchKey.CompositeImplicitAutograd):
                known = target.decompose
            if known is not None:
                replaced[target], found = known, True
    return found
