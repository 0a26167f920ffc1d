"""An ONNX file as the source of a build: a network of which nothing is known but its graph.

It has no genotype and no PyTorch network.  The reference is ONNX Runtime on the file as it is; what
is exported is the graph with fixed sizes, folded (`export.network.onnx_fold`).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from export.checks import parity
from export.converter import graph as converter
from export.converter.node import UnsupportedNodeError
from export.formats import base
from export.network import onnx_file, onnx_fold, onnx_samples
from export.network.onnx_file import OnnxFileError, sizes, true_inputs
from export.pipeline import Pipeline, Source
from zoo.artifact import folder as artifact
from zoo.artifact.manifest import (
    Fixture,
    Input,
    Manifest,
    Network,
    Origin,
    Rewrite,
    Tensor,
    plain_name,
)

_SAMPLES = 4
#: How often as far as ONNX Runtime from itself a hop may be from it.
_WOBBLES = 4


@dataclass
class Foreign(Source):
    """`graph` is what is exported, `expected` what the file as it is computes."""

    graph: onnx.ModelProto | None = None
    expected: parity.Reference | None = None
    folded: int = 0  # nodes that are gone
    single: Callable[[], Foreign] | None = None  # the same with a batch of 1

    def pipeline(self, *given: Any) -> Pipeline:
        return ForeignPipeline(self, *given)


def from_file(path: Path, shapes: Sequence[str] = (), size: int | None = None,
              single: str = "") -> Foreign:
    """The source of the ONNX file at `path`.  `shapes`, as ``NAME=1,3,224,224``, say what the file
    leaves open, and `size` height and width of images.  `single` is why the batch has to be 1.

    Raises OnnxFileError for a file that cannot be used, and UnsupportedNodeError for an opset that
    is not read.
    """
    what = str(path)
    content = onnx_file.read(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    converter.opset(content)
    _check_values(content, what)
    reals = onnx.ModelProto.FromString(content.SerializeToString())
    other = onnx_file.in_float32(reals)
    notes = [f"Numbers of {' and '.join(other)} are computed in float32."] if other else []
    wanted = onnx_fold.fixed_shapes(reals, dict(_parsed(each) for each in shapes), size, what)
    found = onnx_fold.fold(reals, wanted, what, single)
    if not found.open_batch:
        ones = all(shape[:1] == [1] for shape in wanted.values())
        notes.append(f"The {'batch is 1' if ones else 'shapes are fixed'}: {found.reason}.")
    given = content if other == ["float64"] else reals
    expected, told = _reference(given, wanted, found.open_batch, what)
    notes += told
    gone = len(content.graph.node) - len(found.model.graph.node)
    notes += _turn_and_rename(found.model, expected)
    takes, gives = ([_tensor(value, found.open_batch) for value in values]
                    for values in (found.model.graph.input, found.model.graph.output))
    manifest = Manifest(
        name=plain_name(path.stem), task="tensors", network=Network(kind="onnx"),
        input=Input(name=takes[0].name if takes else "none", range=None),
        outputs=[each.name for each in gives], takes=takes, gives=gives, notes=notes,
        origin=Origin(file=path.name, sha256=sha256), trained=True,
        opset=converter.opset(found.model), parameters=_parameters(content))
    return Foreign(model=None, genotype=None, manifest=manifest,  # pyright: ignore
                   graph=found.model, expected=expected, folded=max(0, gone),
                   single=(lambda: from_file(path, shapes, size, "a node needs a known one"))
                   if found.open_batch else None)


def _parsed(text: str) -> tuple[str, list[int]]:
    name, sign, numbers = text.rpartition("=")
    try:
        shape = [int(number) for number in numbers.split(",")]
    except ValueError:
        shape = []
    if not sign or not shape or min(shape) < 1:
        raise OnnxFileError(f"--input-shape {text!r} is no shape; it is NAME=1,3,224,224")
    return name, shape


def _check_values(model: onnx.ModelProto, what: str) -> None:
    for value in (*true_inputs(model), *model.graph.output):
        kind = value.type.tensor_type.elem_type
        if not value.type.HasField("tensor_type"):
            raise OnnxFileError(f"{what}: {value.name!r} is no tensor but a sequence or the like, "
                                "which no browser takes")
        if kind == onnx.TensorProto.STRING or kind in (onnx.TensorProto.COMPLEX64,
                                                       onnx.TensorProto.COMPLEX128):
            raise OnnxFileError(f"{what}: {value.name!r} is of text or of complex numbers, which "
                                "are not converted")


def _parameters(model: onnx.ModelProto) -> int:
    """Elements of the weights that are real numbers."""
    tensors = [*model.graph.initializer,
               *(a.t for node in model.graph.node if node.op_type == "Constant"
                 for a in node.attribute if a.name == "value")]
    return sum(math.prod(t.dims) for t in tensors if t.data_type in (
        onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16,
        onnx.TensorProto.BFLOAT16, onnx.TensorProto.INT8, onnx.TensorProto.UINT8))


def _tensor(value: onnx.ValueInfoProto, open_batch: bool) -> Tensor:
    shape: list[int | None] = list(sizes(value))
    kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    return Tensor(name=value.name, dtype=str(np.dtype(kind)), shape=shape)


def _reference(model: onnx.ModelProto, shapes: dict[str, list[int]], open_batch: bool, what: str
               ) -> tuple[parity.Reference, list[str]]:
    """What the file as it is makes of random inputs, each alone, and what is to be told of it."""
    given = [onnx_samples.samples(model, shapes, seed)
             for seed in range(_SAMPLES if open_batch else 1)]
    try:
        made = onnx_samples.outputs_of_each(model, given)
        again = onnx_samples.outputs(model, given[0], optimized=False)
    except Exception as error:
        raise OnnxFileError(f"{what}: ONNX Runtime cannot run it: "
                            f"{' '.join(str(error).split())[:300]}") from None
    inputs = {name: np.concatenate([each[name] for each in given]) for name in shapes} \
        if open_batch else given[0]
    outputs = {name: np.concatenate([each[name] for each in made]) if open_batch else made[0][name]
               for name in made[0]}
    scales, wobble = {}, 0.0
    for name, value in outputs.items():
        if not np.isfinite(value.astype(np.float64)).all():
            raise OnnxFileError(f"{what}: its output {name!r} is not finite for random inputs, so "
                                "nothing could be proved")
        scales[name] = _scale(value)
        apart = np.abs(again[name].astype(np.float64) - made[0][name].astype(np.float64))
        wobble = max(wobble, float(apart.max(initial=0)) / scales[name])
    allowed, told = parity.LIMIT, []
    if _WOBBLES * wobble > allowed:
        allowed = _WOBBLES * wobble
        told = [f"Float32 is no nearer: ONNX Runtime with and without its optimizations differs by "
                f"{wobble:.1e} of the largest output, so {allowed:.1e} is allowed instead of "
                f"{parity.LIMIT:.0e}."]
    narrowed = {name: value.astype(np.float32) if value.dtype.kind == "f" else value
                for name, value in inputs.items()}
    return parity.Reference(narrowed, outputs, 0, scales, allowed, open_batch), told


def _scale(value: np.ndarray) -> float:
    """The largest value of an output that are real numbers; of others a difference is one."""
    if value.dtype.kind != "f":
        return 1.0
    return max(float(np.abs(value.astype(np.float64)).max(initial=0)), 1e-30)


def _turn_and_rename(model: onnx.ModelProto, expected: parity.Reference) -> list[str]:
    """Images channels last, and names that every format takes; in the graph and the reference."""
    notes = []
    read = {name for node in model.graph.node for name in node.input} | set(expected.outputs)
    for value in [value for value in model.graph.input if value.name not in read]:
        notes.append(f"{value.name} is not read by any node, and left out.")
        model.graph.input.remove(value)
        del expected.inputs[value.name]
    for name in onnx_fold.turn_images(model):
        expected.inputs[name] = np.ascontiguousarray(expected.inputs[name].transpose(0, 2, 3, 1))
        notes.append(f"{name} comes channels last, (batch, height, width, channels).")
    for values, side, prefix in ((model.graph.input, expected.inputs, "input"),
                                 (model.graph.output, expected.outputs, "output")):
        for value in values:
            plain = re.sub(r"[^A-Za-z0-9_]", "_", value.name)
            plain = plain if plain[:1].isalpha() else f"{prefix}_{plain.lstrip('_')}"
            if plain == value.name:
                continue
            taken = {name for node in model.graph.node for name in (*node.input, *node.output)}
            while plain in taken:
                plain += "_"
            notes.append(f"{value.name} is called {plain}: not every format takes its name.")
            tables: list[dict[str, Any]] = [side, expected.scales]
            for table in tables:
                if value.name in table:  # where it was, as the order means something
                    items = [(plain if key == value.name else key, item)
                             for key, item in table.items()]
                    table.clear()
                    table.update(items)
            _rename(model.graph, value.name, plain)
    return notes


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
    for value in (*graph.input, *graph.output):
        if value.name == old:
            value.name = new


class ForeignPipeline(Pipeline):
    """The hops of a build of an ONNX file."""

    source: Foreign

    def network(self) -> None:
        """Nothing but the graph, which is checked before any work where it is to be converted."""
        source = self.source
        assert source.graph is not None and source.expected is not None
        self.expected, self.made[None] = source.expected, source.graph
        if self.converter == base.Options.converter and any(
                fmt.converts for fmt in base.hops(self.formats)):
            self._check(source.graph)

    def _check(self, graph: onnx.ModelProto) -> None:
        """Raise UnsupportedNodeError where the graph cannot be converted; one that cannot be with
        an open batch is taken with a batch of 1."""
        from export.formats.saved_model import traced

        try:
            traced(graph)
        except UnsupportedNodeError:
            if self.source.single is None:
                raise
            alone = self.source.single()
            assert alone.graph is not None and alone.expected is not None
            traced(alone.graph)
            self.source = alone
            self.expected, self.made[None] = alone.expected, alone.graph

    def metadata(self) -> dict[str, Any]:
        known = self.source.manifest
        return {"name": known.name, "task": known.task,
                "takes": [each.model_dump() for each in known.takes],
                "gives": [each.model_dump() for each in known.gives]}

    def fixture(self) -> None:
        """The inputs of the reference and what they give, one tensor after the other, as raw
        little-endian float32."""
        (self.folder / "fixtures").mkdir()
        self.fixture_entry = Fixture(input="fixtures/input.bin", logits="fixtures/outputs.bin",
                                     count=self.expected.count)
        for name, values in ((self.fixture_entry.input, self.expected.inputs),
                             (self.fixture_entry.logits, self.expected.outputs)):
            (self.folder / name).write_bytes(b"".join(
                value.astype("<f4").tobytes() for value in values.values()))

    def finished_manifest(self, chain: list[base.Format]) -> Manifest:
        from export import card

        stays = self.stays
        done = [Rewrite(rewrite="node folded, merged or dropped", count=self.source.folded)] \
            if self.source.folded else []
        fields = {
            "precision": stays.precision or self.precision,
            "converter": self.converter if any(hop.converts for hop in chain)
            else stays.converter,
            "tools": stays.tools({package for hop in chain for package in hop.packages}),
            "rewrites": [rewrite.model_dump() for rewrite in done],
            "parity": [entry.model_dump() for entry in stays.parity(self.parity)],
            "fixture": self.fixture_entry.model_dump(),
        }
        manifest = Manifest.model_validate(self.source.manifest.model_dump() | fields)
        (self.folder / "README.md").write_text(card.text(manifest, self.folder), encoding="utf-8")
        return manifest


def reference_of(directory: Path, manifest: Manifest) -> parity.Reference:
    """What the fixture of an artifact made from an ONNX file says.

    Raises ArtifactError where it is missing or has not the bytes that it should.
    """
    assert manifest.fixture and manifest.parity
    count, sides = manifest.fixture.count, []
    for name, tensors in ((manifest.fixture.input, manifest.takes),
                          (manifest.fixture.logits, manifest.gives)):
        raw = np.frombuffer(artifact.read_file(directory, manifest, name), "<f4")
        values, first = {}, 0
        for tensor in tensors:
            shape = [count if size is None else size for size in tensor.shape]
            last = first + math.prod(shape)
            if last > len(raw):
                raise artifact.ArtifactError(f"{directory}/{name} is too short; build it again")
            values[tensor.name] = raw[first:last].reshape(shape).astype(tensor.dtype)
            first = last
        sides.append(values)
    batched = all(tensor.shape[:1] == [None] for tensor in manifest.takes)
    scales = {name: _scale(value) for name, value in sides[1].items()}
    allowed = max(entry.limit for entry in manifest.parity if entry.hop == "onnx") \
        if any(entry.hop == "onnx" for entry in manifest.parity) else parity.LIMIT
    return parity.Reference(sides[0], sides[1], 0, scales, allowed, batched)
