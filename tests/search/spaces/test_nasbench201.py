"""The space of NAS-Bench-201, neighbors in every space, and the paths of cells."""

import itertools
import random

import pytest

import zoo
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.paths import paths
from search.spaces.space import ConvSpace, RecurrentSpace
from zoo.genotypes.cell import Cell
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS, NasBench201Genotype

SPACES = [NasBench201Space(), NasBench201Space(nodes=2, operations=("none", "skip_connect")),
          ConvSpace(nodes=2), RecurrentSpace(nodes=3)]


def test_there_are_15625_cells():
    space = NasBench201Space()
    assert space.decisions() == [5] * 6
    cells = {space.decode(list(choices)) for choices in itertools.product(range(5), repeat=6)}
    assert len(cells) == 15625 and all(cell in space for cell in itertools.islice(cells, 50))
    assert str(space.decode([3, 0, 3, 1, 0, 1])) == str(zoo.genotype("NB201_ResNet"))


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_neighbors_are_the_possible_mutations(space):
    rng = random.Random(0)
    cell = space.sample(rng)
    near = space.neighbors(cell)
    assert len(set(near)) == len(near) and cell not in near and all(one in space for one in near)
    assert {space.mutate(rng, cell) for _ in range(60 * len(near))} == set(near)


def test_cells_of_another_space_are_refused():
    space = NasBench201Space(nodes=2, operations=("none", "skip_connect"))
    others = [zoo.genotype("DARTS"), NasBench201Genotype.of("none", "none", "nor_conv_1x1"),
              NasBench201Genotype.of(*["none"] * 6)]
    for other in others:
        assert other not in space
        for change in (space.neighbors, lambda one: space.mutate(random.Random(0), one)):
            with pytest.raises(ValueError, match="is not in the search space"):
                change(other)
    for choices in ([0, 0], [0, 0, 2]):
        with pytest.raises(ValueError, match="choices must be 3 numbers below"):
            space.decode(choices)


def test_paths_are_the_sequences_of_operations_through_a_cell():
    cell = NasBench201Genotype.from_text(
        "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|")
    assert paths(cell) == {("cell", 0, ("skip_connect",)),
                           ("cell", 0, ("nor_conv_3x3", "avg_pool_3x3", "nor_conv_1x1"))}
    assert paths(NasBench201Genotype.of(*["none"] * 6)) == frozenset()
    every = {path for choices in itertools.product(NASBENCH201_OPERATIONS, repeat=3)
             for path in paths(NasBench201Genotype.of(*choices))}
    assert len(every) == 4 + 4 * 4  # operations that are not none, once and twice


def test_cells_that_differ_in_the_order_of_edges_have_the_same_paths():
    one = [("sep_conv_3x3", 0), ("skip_connect", 1)]
    cells = [ConvGenotype(Cell([nodes], [2]), Cell([one], [2])) for nodes in (one, one[::-1])]
    assert paths(cells[0]) == paths(cells[1]) == {
        (name, *path) for name in ("normal", "reduce")
        for path in ((0, ("sep_conv_3x3",)), (1, ("skip_connect",)))}
