"""The convolutional search space of DARTS (Liu et al. 2019, arXiv 1806.09055, section 3.1.1).

A cell has intermediate nodes of two edges each, from two different earlier nodes; every edge
has one of seven operations; all intermediate nodes are concatenated.
"""

from __future__ import annotations

import random

from zoo.genotype import Cell, ConvGenotype

OPERATIONS = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5",
              "dil_conv_3x3", "dil_conv_5x5")


def sample(rng: random.Random, nodes: int = 4) -> ConvGenotype:
    """A genotype drawn uniformly from the space."""

    def cell() -> Cell:
        edges = tuple(
            tuple((rng.choice(OPERATIONS), source) for source in sorted(rng.sample(range(k), 2)))
            for k in range(2, nodes + 2))
        return Cell(edges, tuple(range(2, nodes + 2)))

    return ConvGenotype(cell(), cell())
