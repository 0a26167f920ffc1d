"""Search spaces: samples, mutations and decoded genotypes are in the space and reproducible."""

import random

import pytest

from search.spaces.hierarchical import HierarchicalSpace
from search.spaces.space import ConvSpace, RecurrentSpace
from zoo import genotype
from zoo.genotypes.cell import Cell
from zoo.genotypes.conv import ConvGenotype

DARTS_SPACES = [ConvSpace(), ConvSpace(nodes=1), RecurrentSpace(), RecurrentSpace(nodes=3)]
HIERARCHICAL = [HierarchicalSpace(mutations=50),
                HierarchicalSpace(motifs=(3, 2, 1), sizes=(3, 3, 4), mutations=50),
                HierarchicalSpace(motifs=(1,), sizes=(7,), mutations=50)]


def edges(one):
    """All edges of a genotype as (cell, node, edge)."""
    return [(cell, number, edge) for cell, value in one.cells().items()
            for number, node in enumerate(value.nodes) for edge in node]


def test_sampled_cells_are_those_of_darts():
    rng = random.Random(0)
    for found in (ConvSpace().sample(rng) for _ in range(50)):
        for cell in found.cells().values():
            assert cell.concat == (2, 3, 4, 5)
            for node in cell.nodes:
                assert len({source for _, source in node}) == len(node) == 2
                assert {"none"}.isdisjoint(operation for operation, _ in node)
    found = RecurrentSpace().sample(rng).recurrent
    assert found.concat == tuple(range(1, 9)) and [len(node) for node in found.nodes] == [1] * 8


def test_published_cells_are_in_the_space():
    space = RecurrentSpace()
    assert genotype("DARTS_V2_RNN") in space
    cells = [Cell([sorted(node, key=lambda edge: edge[1]) for node in cell.nodes], cell.concat)
             for cell in genotype("DARTS").cells().values()]
    assert ConvGenotype(*cells) in ConvSpace()
    assert genotype("NASNet") not in ConvSpace()


@pytest.mark.parametrize("space", [*DARTS_SPACES, *HIERARCHICAL])
def test_mutations_stay_in_the_space_and_are_never_the_parent(space):
    rng = random.Random(1)
    parent = space.sample(rng)
    for _ in range(300):
        child = space.mutate(rng, parent)
        assert child != parent
        if space not in HIERARCHICAL:
            assert child in space
            assert len(set(edges(child)) - set(edges(parent))) == 1  # one edge has changed
        parent = child


def test_mutations_change_inputs_as_often_as_operations():
    rng, space = random.Random(2), ConvSpace()
    parent = space.sample(rng)
    inputs = 0
    for _ in range(400):
        new, = set(edges(space.mutate(rng, parent))) - set(edges(parent))
        inputs += new[2][1] not in {edge[1] for cell, number, edge in edges(parent)
                                    if (cell, number) == new[:2]}
    assert 150 < inputs < 250


def test_mutations_reach_every_operation_and_input():
    rng, space = random.Random(3), RecurrentSpace()
    found, seen = space.sample(rng), set()
    for _ in range(2000):
        found = space.mutate(rng, found)
        seen |= {(number, edge) for _, number, edge in edges(found)}
    assert len(seen) == sum(4 * number for number in range(1, 9))


def test_hierarchical_mutations_add_alter_and_remove_edges():
    rng, space = random.Random(4), HierarchicalSpace()
    parent, kinds = space.trivial(), set()
    for _ in range(500):
        child = space.mutate(rng, parent)
        changed = [edge for edge in parent.edges()
                   if parent.operation(*edge) != child.operation(*edge)]
        assert len(changed) == 1
        kinds.add((parent.operation(*changed[0]) == "none", child.operation(*changed[0]) == "none"))
        parent = child
    assert kinds == {(True, False), (False, False), (False, True)}


@pytest.mark.parametrize("space", [*DARTS_SPACES, *HIERARCHICAL])
def test_a_seed_gives_the_same_cells(space):
    first, second = ([space.sample(rng) for _ in range(5)]
                     for rng in (random.Random(3), random.Random(3)))
    assert first == second and len(set(first)) > 1


@pytest.mark.parametrize("space", DARTS_SPACES)
def test_decisions_cover_the_space_and_nothing_else(space):
    rng, sizes = random.Random(5), space.decisions()
    found = {space.decode([rng.randrange(size) for size in sizes]) for _ in range(200)}
    assert all(one in space for one in found)
    if space == ConvSpace(nodes=1):  # small enough to count: inputs 0 and 1, 7 x 7 operations
        every = {space.decode([a, 0, b, c, d, 0, e, f]) for a in range(2) for d in range(2)
                 for b in range(7) for c in range(7) for e in range(7) for f in range(7)}
        assert len(every) == 49**2
    last = space.decode([size - 1 for size in sizes])
    assert last in space and last.cells()["normal" if space.kind == "conv" else "recurrent"]


def test_the_space_of_darts_has_the_published_number_of_inputs():
    # Liu et al. 2019, appendix C: (k + 1) k / 2 * 7^2 choices for node k, times two for
    # decisions, in which the two edges are ordered.
    normal = ConvSpace().decisions()[:16]
    assert normal == [2, 1, 7, 7, 3, 2, 7, 7, 4, 3, 7, 7, 5, 4, 7, 7]
    assert RecurrentSpace().decisions() == [n for k in range(1, 9) for n in (k, 4)]


def test_genotypes_outside_the_space_are_refused():
    with pytest.raises(ValueError, match="not in the search space"):
        ConvSpace().mutate(random.Random(0), genotype("NASNet"))
    with pytest.raises(ValueError, match="32 numbers below"):
        ConvSpace().decode([0] * 31)
    with pytest.raises(ValueError, match="numbers below"):
        ConvSpace().decode([9] * 32)
    with pytest.raises(ValueError, match="at least 1 node"):
        RecurrentSpace(nodes=0)
