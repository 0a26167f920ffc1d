"""PyTorch programs as ONNX graphs: traced by `torch.export`, written by the TorchScript exporter.

torch.export rejects code that a TorchScript trace gets silently wrong, such as a branch on the
values of a tensor, and reports the line of the user's code.  The traced program is then written by
the older TorchScript exporter, which takes a fifth of the time of the newer one and needs no
further package.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import onnx
import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram
from torch.fx.node import map_aggregate
from torch.utils import _pytree as pytree

from export.logs import captured

#: All converters read the first; the second has a few more operations.
_OPSETS = (17, 20)

#: Types of a program (see `Program`) computed in float64, for the reference, or in float32.
WIDE = {torch.float32: torch.float64}
ALL_WIDE = WIDE | {torch.float16: torch.float64, torch.bfloat16: torch.float64}
SINGLE = dict.fromkeys((torch.float16, torch.bfloat16, torch.float64), torch.float32)

#: Operations that return a Python number from a tensor.
_TO_NUMBER = {"aten::item", "aten::_local_scalar_dense", "aten::is_nonzero"}


def _bilinear(left: Tensor, right: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    product = torch.einsum("...i,kij,...j->...k", left, weight, right)
    return product if bias is None else product + bias


#: Decompositions that neither the exporter nor torch's own table has.
_DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.bilinear.default: _bilinear,
    torch.ops.aten.lift_fresh_copy.default: torch.clone,
    torch.ops.aten.lift_fresh.default: torch.clone,
}


class ProgramError(ValueError):
    """A network that cannot be traced or written; the message names the line of its code."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress the graphs and warnings that torch prints before an error."""
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
    """The traced program of `module` for such inputs; with `open_batch` the first axis of every
    tensor is symbolic if the module allows.

    Raises ProgramError with the line of the user's code.
    """
    def axes(value: Any) -> Any:
        return {0: Dim.AUTO} if isinstance(value, Tensor) and value.ndim else None

    shapes = None
    if open_batch:
        tree = pytree.tree_map(axes, (tuple(args), dict(kwargs)))
        shapes = tree[1]
        for index, (name, kind) in enumerate(_parameters(module)[:len(args)]):
            several = kind is inspect.Parameter.VAR_POSITIONAL
            shapes[name] = tree[0][index:] if several else tree[0][index]
    try:
        with quiet(), torch.no_grad():
            return torch.export.export(module, tuple(args), dict(kwargs), dynamic_shapes=shapes,
                                       strict=False)
    except Exception as error:  # torch.export raises a dozen types
        raise ProgramError(f"{what} cannot be traced{_at(_frame(error))}: "
                           f"{_reason(error)}") from None


def _parameters(module: nn.Module) -> list[tuple[str, Any]]:
    """Names and kinds of a module's arguments."""
    return [(each.name, each.kind)
            for each in inspect.signature(module.forward).parameters.values()]


def _frame(error: BaseException) -> tuple[str, int, str] | None:
    """File, number and text of the innermost traceback line in the user's code."""
    package = Path(__file__).resolve().parents[1]
    torch_folder = Path(torch.__file__).parent
    innermost = None
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_file() and not path.is_relative_to(torch_folder) \
                and not path.is_relative_to(package):
            innermost = (frame.filename, frame.lineno or 0, frame.line or "")
    return innermost


def _at(frame: tuple[str, int, str] | None) -> str:
    return "" if frame is None else f" at {frame[0]}:{frame[1]} (`{frame[2].strip()[:80]}`)"


def line_of(node: fx.Node) -> str:
    """The line of the user's code that a node comes from, as ` at file:number (code)`, or ""."""
    torch_folder, innermost = str(Path(torch.__file__).parent), None
    lines = str(node.meta.get("stack_trace") or "").splitlines()
    for index, line in enumerate(lines):
        match = re.match(r'\s*File "(.+)", line (\d+)', line)
        if match and not match[1].startswith((torch_folder, "<")):
            code = lines[index + 1] if index + 1 < len(lines) else ""
            innermost = (match[1], int(match[2]), code)
    return _at(innermost)


def _reason(error: BaseException) -> str:
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    if isinstance(error, GuardOnDataDependentSymNode):
        return ("control flow depends on the values of a tensor; write it with torch.where, or "
                "export the part that does not branch")
    return one_line(error)


def one_line(error: BaseException) -> str:
    """The first non-empty line of an error message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


class Program(nn.Module):
    """A traced program with flat inputs and outputs.

    `kept` are the indices of its outputs that are tensors, `replaced` functions to call in place of
    operations.  Constants of a type in `types` and casts to it get another one, for which the
    weights have to be converted too.  Sizes that depend on the batch follow the inputs.
    """

    def __init__(self, program: ExportedProgram, kept: Sequence[int],
                 replaced: dict[Any, Callable[..., Any]] | None = None,
                 types: Mapping[torch.dtype, torch.dtype] = MappingProxyType({})) -> None:
        super().__init__()
        with quiet():
            module = program.module(check_guards=False)
            if types:  # leave the weights of the program unchanged
                module = copy.deepcopy(module)
        self.graph_module = fx.GraphModule(module, module.graph)
        self.kept, self.replaced, self.types = list(kept), replaced or {}, types

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        run = _Run(self.graph_module, self.replaced, self.types)
        outputs = run.run(*tensors, enable_io_processing=False)
        outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
        return tuple(outputs[index] for index in self.kept)


class _Run(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, replaced: dict[Any, Callable[..., Any]],
                 types: Mapping[torch.dtype, torch.dtype]) -> None:
        super().__init__(module)
        self.replaced, self.types = replaced, types
        self.extra_traceback = False

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        name = getattr(target, "_overloadpacket", target)
        if name in (torch.ops.aten._assert_tensor_metadata, torch.ops.aten._assert_scalar):
            return None
        if self.types:
            args, kwargs = map_aggregate((args, kwargs), self._converted)
        return super().call_function(self.replaced.get(target) or target, args, kwargs)

    def _converted(self, value: Any) -> Any:
        return self.types.get(value, value) if isinstance(value, torch.dtype) else value


def check(program: ExportedProgram, what: str) -> None:
    """Raise ProgramError for operations that a static graph cannot express: numbers taken out of
    tensors, sizes that depend on values, branches, complex numbers."""
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        name, where = _name(node.target), line_of(node)
        if isinstance(node.target, torch._ops.HigherOrderOperator):
            if name.startswith("wrap_with"):  # no_grad and autocast
                continue
            raise ProgramError(f"{what}{where}: {name} is control flow, which cannot be converted")
        if name.split(".")[0] in _TO_NUMBER:
            raise ProgramError(f"{what}{where}: the code takes a number out of a tensor and "
                               "computes with it; keep it a tensor")
        if node.meta.get("unbacked_bindings"):
            raise ProgramError(f"{what}{where}: {name} returns a tensor whose size depends on "
                               "values, which cannot be converted")
        values = node.meta.get("val")
        for value in values if isinstance(values, (tuple, list)) else [values]:
            if isinstance(value, Tensor) and value.is_complex():
                raise ProgramError(f"{what}{where}: {name} returns complex numbers, which no "
                                   "browser supports")


def _name(target: Any) -> str:
    return str(target.name()) if isinstance(target, torch._ops.OpOverload) else str(target)


def to_onnx(program: ExportedProgram, tensors: Sequence[Tensor], names: Sequence[str],
            outputs: dict[str, int], what: str) -> onnx.ModelProto:
    """The ONNX graph of a program at the sizes of `tensors`.  `names` are those of its inputs,
    `outputs` the indices of its outputs by name.

    Raises ProgramError for an operation without a counterpart in ONNX, with its line.
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
        node.doc_string = ""  # has paths of this machine
    return model


def _decompose(program: ExportedProgram, operation: str,
               replaced: dict[Any, Callable[..., Any]]) -> bool:
    """Replace an operation by its decomposition; returns whether there is one."""
    from torch._decomp import decomposition_table

    decomposed = False
    for node in program.graph.nodes:
        target = node.target
        if _name(target).split(".")[0] == f"aten::{operation}" and target not in replaced:
            decomposition = _DECOMPOSITIONS.get(target) or decomposition_table.get(target)
            if decomposition is None and target.has_kernel_for_dispatch_key(
                    torch._C.DispatchKey.CompositeImplicitAutograd):
                decomposition = target.decompose
            if decomposition is not None:
                replaced[target], decomposed = decomposition, True
    return decomposed
