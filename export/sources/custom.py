"""A custom model: a network without a genotype, known only by its graph.

The export starts from an ONNX graph with fixed sizes, folded by `export.network.onnx_fold`; the
reference outputs come from PyTorch in float64 or from ONNX Runtime on the original file.
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
from export.network import onnx_fold
from export.network.onnx_file import sizes
from export.pipeline import Pipeline, Source
from zoo.artifact import folder as artifact
from zoo.artifact.manifest import (
    Fixture,
    Input,
    Manifest,
    Network,
    NetworkKind,
    Origin,
    Rewrite,
    Tensor,
    plain_name,
)


@dataclass
class CustomModel(Source):
    """The source of a custom model: its exported `graph` and the `expected` outputs."""

    graph: onnx.ModelProto | None = None
    expected: parity.Reference | None = None
    folded: int = 0  # nodes removed by folding
    single: Callable[[], CustomModel] | None = None  # builds the model with a batch of 1

    def __post_init__(self) -> None:
        pass  # no genotype to check

    def pipeline(self, *args: Any) -> Pipeline:
        return CustomPipeline(self, *args)


def source(kind: NetworkKind, name: str, folded: onnx_fold.Folded, expected: parity.Reference,
           origin: Origin | str, parameters: int, nodes: int, notes: Sequence[str] = (),
           images: Input | None = None, labels: Sequence[str] = (),
           multiply_adds: int | None = None,
           single: Callable[[], CustomModel] | None = None) -> CustomModel:
    """The source of a folded graph, with images channels last and portable tensor names.

    `nodes` counts the nodes before folding.  With `images` the network is a classifier: its input
    has their name, its outputs are logits and probabilities.  If `origin` is not a file, its
    sha256 is that of the graph.
    """
    notes = list(notes)
    graph = folded.model.graph
    if not folded.open_batch:
        ones = all(sizes(value)[:1] == [1] for value in graph.input)
        notes.append(f"The {'batch is 1' if ones else 'shapes are fixed'}: {folded.reason}.")
    removed = max(0, nodes - len(graph.node))
    notes += _turn_and_rename(folded.model, expected)
    notes += expected.notes()
    takes, gives = ([_tensor(value) for value in values] for values in (graph.input, graph.output))
    for each in gives:
        each.scale, each.float32 = expected.scales[each.name], expected.float32.get(each.name, 0.0)
    if isinstance(origin, str):
        origin = Origin(file=origin, sha256=hashlib.sha256(
            folded.model.SerializeToString(deterministic=True)).hexdigest())
    network = Network(kind=kind) if images is None else Network(
        kind=kind, num_classes=gives[0].shape[-1], in_channels=images.channels)
    manifest = Manifest(
        name=plain_name(name), task="tensors" if images is None else "image-classification",
        network=network, labels=list(labels),
        input=images or Input(name=takes[0].name if takes else "none", range=None),
        outputs=[each.name for each in gives], takes=takes, gives=gives, notes=notes, origin=origin,
        trained=True, opset=converter.opset(folded.model), parameters=parameters,
        multiply_adds=multiply_adds)
    return CustomModel(model=None, genotype=None, manifest=manifest,  # pyright: ignore
                       graph=folded.model, expected=expected, folded=removed,
                       single=single if folded.open_batch else None)


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    shape: list[int | None] = list(sizes(value))
    kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    return Tensor(name=value.name, dtype=str(np.dtype(kind)), shape=shape)


def _turn_and_rename(model: onnx.ModelProto, expected: parity.Reference) -> list[str]:
    """Move the channels of images last and rename tensors to names that every format accepts, in
    the graph and the reference; returns notes for the manifest."""
    notes = []
    read = {name for node in model.graph.node for name in node.input} | set(expected.outputs)
    for value in [value for value in model.graph.input if value.name not in read]:
        notes.append(f"{value.name} is unused and removed.")
        model.graph.input.remove(value)
        del expected.inputs[value.name]
    for name in onnx_fold.turn_images(model):
        expected.inputs[name] = np.ascontiguousarray(expected.inputs[name].transpose(0, 2, 3, 1))
        notes.append(f"{name} is channels last, (batch, height, width, channels).")
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
            notes.append(f"{value.name} is renamed {plain}: not every format accepts its name.")
            tables: list[dict[str, Any]] = [side, expected.scales, expected.float32]
            for table in tables:
                if value.name in table:  # in place, as the order matters
                    items = [(plain if key == value.name else key, item)
                             for key, item in table.items()]
                    table.clear()
                    table.update(items)
            _rename(model.graph, value.name, plain)
    return notes


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
    for value in (*graph.input, *graph.output):
        if value.name == old:
            value.name = new


class CustomPipeline(Pipeline):
    """The export of a custom model."""

    source: CustomModel

    def network(self) -> None:
        """Take the source's graph; if a hop converts it, check first that it can be converted."""
        source = self.source
        assert source.graph is not None and source.expected is not None
        self.expected, self.made[None] = source.expected, source.graph
        if self.converter == base.Options.converter and any(
                fmt.converts for fmt in base.hops(self.formats)):
            self._check(source.graph)

    def _check(self, graph: onnx.ModelProto) -> None:
        """Raise UnsupportedNodeError if the graph cannot be converted; fall back to a batch of 1 if
        it cannot be converted with an open batch."""
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
        manifest = self.source.manifest
        if manifest.task == "image-classification":
            return super().metadata()
        return {"name": manifest.name, "task": manifest.task,
                "takes": [each.model_dump() for each in manifest.takes],
                "gives": [each.model_dump() for each in manifest.gives]}

    def fixture(self) -> None:
        """Write the inputs and outputs of the reference, tensor after tensor, as raw little-endian
        float32."""
        (self.folder / "fixtures").mkdir()
        self.fixture_entry = Fixture(input="fixtures/input.bin", logits="fixtures/outputs.bin",
                                     count=self.expected.count)
        for name, values in ((self.fixture_entry.input, self.expected.inputs),
                             (self.fixture_entry.logits, self.expected.outputs)):
            (self.folder / name).write_bytes(b"".join(
                value.astype("<f4").tobytes() for value in values.values()))

    def finished_manifest(self, chain: list[base.Format]) -> Manifest:
        from export import card

        if labels := self.source.manifest.labels:
            (self.folder / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
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
    """The reference inputs and outputs in the fixture of a custom model's artifact.

    Raises ArtifactError if it is missing or has the wrong size.
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
    # Earlier versions stored one limit for all outputs, and no scales.
    limit = next((entry.limit for entry in manifest.parity
                  if entry.hop == "onnx" and not entry.outputs), 0.0)
    float32 = {each.name: each.float32 if each.scale else limit * parity.largest_of(
        sides[1][each.name]) / parity.SLACK for each in manifest.gives}
    scales = {each.name: each.scale or parity.largest_of(sides[1][each.name])
              for each in manifest.gives}
    return parity.Reference(sides[0], sides[1], 0, float32, batched, scales,
                            relative=manifest.task == "tensors")
