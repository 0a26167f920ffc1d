"""The second graph of an export, for looking inside the cells: `zoo build --inspect`.

TensorFlow.js files in ``inspect/``, which the page loads when the visitor asks for them.  The graph
is `export.network.inspected.InspectedNetwork`.  Its ``userDefinedMetadata.zoo`` lists, for each of
the network's `places`, the title in the drawing (``cells``) and the edge that a motif is
(``within``), and the number of columns of `keep` per place (``edges``).  Every map is compared with
PyTorch.
"""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from export.checks import parity
from export.formats.base import FORMATS
from export.network.inspected import (
    InspectedNetwork,
    deploy_inspected,
    has_cells,
    map_names,
    places,
)
from zoo.artifact.manifest import Input, Manifest, Parity

#: Its folder in an artifact, and the name of its hop.
FOLDER = "inspect"


def require(model: nn.Module | None, manifest: Manifest, formats: set[str]) -> None:
    """Raise ValueError for a network without convolutional cells, and for an artifact without
    TensorFlow.js, whose code on the page runs the graph."""
    if not has_cells(model):
        raise ValueError("--inspect shows the feature maps of convolutional cells, which "
                         f"{manifest.name} does not have; leave it out")
    if "tfjs" not in formats:
        raise ValueError("--inspect needs TensorFlow.js on the page; add --export tfjs")


def write(model: nn.Module, spec: Input, directory: Path, work: Path, metadata: dict[str, Any]
          ) -> None:
    """Write the graph of `model` to `directory`, with intermediate files in `work`."""
    from export.formats import onnx, saved_model, tfjs

    assert has_cells(model)
    deployed = deploy_inspected(model, spec)
    about = {**metadata, "edges": InspectedNetwork(model).edges,
             "cells": [place.module.title for place in places(model)],
             "within": [place.within for place in places(model)]}
    work.mkdir(parents=True, exist_ok=True)
    graph = onnx.write(deployed, work / "model.onnx", about)
    saved_model.write_saved_model(graph, work / "saved_model")
    tfjs.write(work / "saved_model", directory, "float32", about)


def reference(model: nn.Module, spec: Input, plain: parity.Reference) -> parity.Reference:
    """The expected outputs on three inputs: the first and the last of the `plain` network's, whose
    logits are expected, and the first with random edges ablated."""
    assert has_cells(model)
    inspected = InspectedNetwork(copy.deepcopy(model)).eval()
    pixels = plain.inputs[spec.name][[0, -1, 0]]
    keep = inspected.everything.numpy().repeat(3, axis=0)
    keep[2] = np.random.default_rng(0).integers(0, 2, keep.shape[1])
    inputs = {spec.name: pixels, "keep": keep}
    run = partial(_inspected, spec=spec, names=list(map_names(model)))
    narrow = parity.computed(run, inspected.float(), inputs)
    wide = parity.computed(run, inspected.double(), inputs)
    outputs = parity.rounded(wide)
    for name, value in plain.outputs.items():
        outputs[name][:2] = value[[0, -1]]
    return parity.Reference(inputs, outputs, 0, parity.distances(narrow, wide), relative=False)


def _inspected(model: nn.Module, pixels: torch.Tensor, keep: torch.Tensor, spec: Input,
               names: list[str]) -> dict[str, torch.Tensor]:
    """The outputs of the unmodified modules, on raw pixels (N, H, W, C)."""
    maps: list[torch.Tensor] = []

    def logits(images: torch.Tensor) -> torch.Tensor:
        first, *rest = model(images, keep)
        maps.extend(rest)
        return first

    classes = parity.classified(logits, pixels, spec)
    return classes | {name: each.permute(0, 2, 3, 1) for name, each in zip(names, maps)}


def check(directory: Path, expected: parity.Reference) -> Parity:
    """Compare the files at `directory` with the reference; the entry lists the logits, the
    probabilities and the map nearest to its limit.  Raises ParityError."""
    found = parity.check_parity(FOLDER, FORMATS["tfjs"].load(directory), expected)
    worst = max(found.outputs, key=lambda name: found.outputs[name].max_difference
                / found.outputs[name].limit)
    listed = dict.fromkeys(["logits", "probabilities", worst])
    return found.model_copy(update={"outputs": {name: found.outputs[name] for name in listed}})
