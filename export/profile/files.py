"""Writes a graph of a profile as an artifact that the runtimes can time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from export.formats.base import FORMATS, Options, hops
from export.network.deploy import deploy
from export.profile.design import Graph
from export.profile.models import model
from zoo.artifact import folder
from zoo.artifact.manifest import Fixture, Input, Manifest, Network
from zoo.latency.sizes import Sizes
from zoo.models.cost import parameters

_INTERMEDIATE = ".intermediate"  # formats that this one is made from


def write(graph: Graph, sizes: Sizes, fmt: str, directory: Path) -> None:
    """Write the files of a graph in one format, by the path of `zoo build`, without its parity
    checks: they take most of the time, and the graph is timed only."""
    network = model(graph, sizes)
    spec = Input(height=sizes.size, width=sizes.size, channels=sizes.in_channels,
                 mean=[0.5] * sizes.in_channels, std=[0.5] * sizes.in_channels)
    if not graph.whole:
        spec = spec.model_copy(update=dict.fromkeys(("height", "width"), graph.places[0].size))
    deployed = deploy(network, spec)
    made: dict[str | None, Any] = {None: deployed}
    for hop in hops([fmt]):
        inside = directory if hop.name == fmt else directory / _INTERMEDIATE
        place = inside / FORMATS[hop.name].place
        place.parent.mkdir(parents=True, exist_ok=True)
        made[hop.name] = hop.write(made[hop.source], place, Options({}))
    shutil.rmtree(directory / _INTERMEDIATE, ignore_errors=True)
    (pixels,) = deployed.example.values()
    image = np.random.default_rng(0).uniform(0, 255, pixels.shape).astype("<f4")
    with torch.no_grad():
        logits = deployed.module(torch.from_numpy(image))[0].numpy()
    fixture = Fixture(input="fixtures/input.bin", logits="fixtures/logits.bin", count=1)
    (directory / "fixtures").mkdir()
    (directory / fixture.input).write_bytes(image.tobytes())
    (directory / fixture.logits).write_bytes(logits.astype("<f4").tobytes())
    folder.finalize(directory, Manifest(
        name="graph", trained=False, parameters=parameters(network), input=spec, fixture=fixture,
        labels=[f"class {index}" for index in range(sizes.classes)],
        network=Network(kind="nasbench201" if sizes.kind == "nasbench201" else "cifar",
                        num_classes=sizes.classes, in_channels=sizes.in_channels)))
