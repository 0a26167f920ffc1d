"""The graphs whose latency a profile is made of: slices of a network and whole networks.

A slice is a stage of the network, up to its second cell after the reduction, with a random cell at
every place; it lets every operation be measured among its neighbors, where runtimes fuse and share
work, instead of alone.  Whole networks add what a slice lacks.  All are functions of the sizes and
of their names, so that an interrupted profile goes on with the same ones.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from zoo.genotypes.cell import Cell
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.genotypes.serialization import Genotype
from zoo.latency.profile import measured_operations
from zoo.latency.sizes import NODES, OPERATIONS, Place, Shape, Sizes

#: Cells of a slice after its reduction.
CELLS = 2
#: Slices of a stage for each unknown of its fit.
SLICES = 1.7
#: Whole networks, by space.  The latencies of NAS-Bench-201 cells differ up to sevenfold, so a
#: relative error there takes more of them to fit.
NETWORKS = {"conv": 10, "nasbench201": 30}
#: Below 1, most cells of a slice have few different operations, which tells these apart.
_CONCENTRATION = 0.5

Feature = tuple[str, Shape]


@dataclass(frozen=True)
class Graph:
    """A graph to time: cells of a network with a genotype for each, which are the same in a whole
    network.  `part` is what graphs with the same parts around their edges share."""

    name: str
    part: str
    places: tuple[Place, ...]
    genotypes: tuple[Genotype, ...]
    whole: bool = False

    def features(self, sizes: Sizes) -> Counter[Feature]:
        """How often the graph has each operation at each shape (`Sizes.used`)."""
        found: Counter[Feature] = Counter()
        for place, genotype in zip(self.places, self.genotypes):
            found.update(sizes.used(genotype, [place]))
        return found


def graphs(sizes: Sizes) -> list[Graph]:
    """The graphs of a profile, in the order of measuring."""
    made = []
    for number, places in enumerate(_slices(sizes)):
        part = f"slice {number}"
        unknowns = 1 + len({(name, place.shape(source)) for place in places
                            for source in (0, NODES[sizes.kind])
                            for name in measured_operations(sizes.kind)})
        for index in range(round(SLICES * unknowns)):
            rng = random.Random(f"{part}, {index}")
            made.append(Graph(f"{part}, {index}", part, places, tuple(
                random_genotype(rng, sizes.kind, _CONCENTRATION) for _ in places)))
    for index in range(NETWORKS[sizes.kind]):
        genotype = random_genotype(random.Random(f"network, {index}"), sizes.kind)
        made.append(network(f"network, {index}", sizes, genotype))
    return made


def fingerprint(design: Iterable[Graph]) -> str:
    """What tells the graphs of a profile from those of another release."""
    text = "\n".join(f"{graph.name}: {', '.join(map(str, graph.genotypes))}" for graph in design)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def network(name: str, sizes: Sizes, genotype: Genotype) -> Graph:
    """The whole network of a genotype."""
    places = tuple(sizes.places())
    return Graph(name, "network", places, (genotype,) * len(places), whole=True)


def _slices(sizes: Sizes) -> list[tuple[Place, ...]]:
    """The first cells of every stage."""
    places = sizes.places()
    stages = [list(group) for _, group in groupby(places, key=lambda place: place.channels)]
    return [tuple(stage[:CELLS + stage[0].reduction]) for stage in stages]


def random_genotype(rng: random.Random, kind: str, concentration: float | None = None) -> Genotype:
    """A random genotype of the search space: uniform, or with a `concentration` its operations are
    drawn by frequencies from a symmetric Dirichlet distribution."""
    names = OPERATIONS[kind] if kind == "nasbench201" else OPERATIONS[kind][1:]
    weights = [1.0] * len(names) if concentration is None else [
        rng.gammavariate(concentration, 1) + 1e-6 for _ in names]

    def draw(count: int) -> list[str]:
        return rng.choices(names, weights, k=count)

    if kind == "nasbench201":
        while True:
            genotype = NasBench201Genotype.of(*draw(NODES[kind] * (NODES[kind] + 1) // 2))
            if genotype.live_edges():
                return genotype
    return ConvGenotype(*(_conv_cell(rng, draw(2 * NODES[kind])) for _ in range(2)))


def _conv_cell(rng: random.Random, operations: Iterable[str]) -> Cell:
    left = iter(operations)
    nodes = range(2, 2 + NODES["conv"])
    return Cell([[(next(left), source) for source in sorted(rng.sample(range(number), 2))]
                 for number in nodes], nodes)
