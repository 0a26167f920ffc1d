"""What `--limit` can limit in a search that trains candidates: a table of measures.

All of them are of the network that the search trains for a candidate, with its channels and layers,
and are known before it is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from search.limits.limit import COUNTS, SIZES, TIMES, Figure, Units
from zoo.genotypes.serialization import Genotype
from zoo.latency.profile import Profile
from zoo.latency.sizes import CELLS
from zoo.messages.command_line import command
from zoo.messages.spelling import choices, either
from zoo.models.cost import cost, parameters
from zoo.models.deployed import deployed_bytes
from zoo.models.factory import build_network


@dataclass(frozen=True)
class CandidateNetwork:
    """The network that a search trains for each candidate of a `space`.

    `kind` and `settings` are those of `zoo.create_model`; `shape` is (channels, H, W) of its
    images, None for a language model.
    """

    space: str
    kind: str
    settings: Mapping[str, int]
    shape: tuple[int, int, int] | None

    def build(self, genotype: Genotype) -> nn.Module:
        """The network of a cell, on the meta device: shapes without weights."""
        with torch.device("meta"):
            return build_network(genotype, self.kind, **self.settings)


@dataclass(frozen=True)
class Measure:
    """A measure of cells: its name for people, the `units` of its bounds, the kinds of cells over
    whose edges it is a sum, and `figure`, which makes it for a network and a latency profile."""

    title: str
    units: Units
    sums: tuple[str, ...]
    figure: Callable[[str, CandidateNetwork, Profile | None], Figure]


def _parameters(name: str, network: CandidateNetwork, profile: Profile | None) -> Figure:
    return lambda genotype: parameters(network.build(genotype))


def _multiply_adds(name: str, network: CandidateNetwork, profile: Profile | None) -> Figure:
    shape = network.shape
    if shape is None:
        raise ValueError("--limit multiply-adds applies to image networks only; limit params or "
                         "bytes of a recurrent cell")
    return lambda genotype: cost(network.build(genotype), shape).multiply_adds


def _bytes(name: str, network: CandidateNetwork, profile: Profile | None) -> Figure:
    return lambda genotype: deployed_bytes(network.build(genotype))


def _latency(name: str, network: CandidateNetwork, profile: Profile | None) -> Figure:
    """The latency that the profile predicts, in milliseconds."""
    runtime, shape, settings = name.removeprefix("latency:"), network.shape, network.settings
    if shape is None or network.space not in CELLS:
        raise ValueError(f"--limit {name}: a latency profile holds for the {either(CELLS)} space, "
                         f"not for {network.space} cells; leave it out")
    channels, height, width = shape
    if height != width:
        raise ValueError(f"--limit {name}: a latency profile holds for square images, not for "
                         f"{height}x{width}; leave it out")
    if profile is None:
        measured = command(
            "zoo", "profile", "--runtime", runtime, "--space", network.space, "--channels",
            settings["channels"], "--layers", settings["layers"], "--size", height,
            "--num-classes", settings["num_classes"], "--in-channels", channels, "-o",
            "profile.json")
        raise ValueError(f"--limit {name} needs a latency profile of the candidates' network; "
                         f"measure one with `{measured}` and add --profile profile.json")
    known = f"{profile.runtime}:{profile.backend}"
    if runtime not in (profile.runtime, known):
        raise ValueError(f"the profile is of {known}, not of {runtime}; limit latency:{known}, or "
                         f"profile {runtime}")
    profile.check(network.space, settings["channels"], settings["layers"], height,
                  settings["num_classes"], channels)
    return profile.predict


#: The measures of trained candidates, by their name for `--limit`; `latency` is followed by the
#: runtime and backend of a profile, as in ``latency:litert:wasm``.
MEASURES: dict[str, Measure] = {
    "params": Measure("parameters", COUNTS, ("conv", "recurrent", "nasbench201"), _parameters),
    "multiply-adds": Measure("multiply-adds", COUNTS, ("conv", "nasbench201"), _multiply_adds),
    # Of a NAS-Bench-201 cell, unused edges are not deployed, and equal pools only once: no sums.
    "bytes": Measure("bytes of the deployed weights", SIZES, ("conv", "recurrent"), _bytes),
    "latency": Measure("milliseconds", TIMES, ("conv",), _latency),
}


def measure(name: str) -> Measure:
    """The measure `name`, such as ``params`` or ``latency:litert:wasm``.  Raises ValueError for an
    unknown name."""
    family, _, rest = name.partition(":")
    if family not in MEASURES or bool(rest) != (family == "latency"):
        names = [*(each for each in MEASURES if each != "latency"), "latency:RUNTIME:BACKEND"]
        raise ValueError(f"--limit: unknown measure {choices(name, names)}")
    return MEASURES[family]


def units(name: str) -> Units:
    """The units of a measure.  Raises ValueError for an unknown name."""
    return measure(name).units
