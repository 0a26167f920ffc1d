"""Canonical forms of equivalent cells, and edit distances between others."""

import itertools
import random
from collections import Counter

import pytest

import zoo
from search.spaces.space import ConvSpace, RecurrentSpace
from zoo import registry
from zoo.genotypes.canonical import canonical, digest, graphs
from zoo.genotypes.edit_distance import edit_distance
from zoo.genotypes.hierarchical import HierarchicalGenotype

PUBLISHED = [record for record in registry.records() if record.origin != "user"]


def renamed(cell, order, first, random=random):
    """The cell with renumbered nodes: `order[j]` is the new number of node first + j."""
    place = {**{n: n for n in range(first)},
             **{first + j: new for j, new in enumerate(order)}}
    nodes = [None] * len(order)
    for j, edges in enumerate(cell.nodes):
        moved = [(name, place[source]) for name, source in edges]
        random.shuffle(moved)
        nodes[order[j] - first] = moved
    concat = [place[number] for number in cell.concat]
    random.shuffle(concat)
    return zoo.Cell(nodes, concat)


def orders(cell, first):
    """Every topological order of the nodes."""
    for order in itertools.permutations(range(first, first + len(cell.nodes))):
        if all(source < first or order[source - first] < order[j]
               for j, edges in enumerate(cell.nodes) for _, source in edges):
            yield order


def shuffled(genotype, rng):
    first = {"conv": 2, "recurrent": 1}[genotype.kind]
    cells = {}
    for name, cell in genotype.cells().items():
        order = rng.choice(list(itertools.islice(orders(cell, first), 500)))
        cells[name] = renamed(cell, order, first, rng)
    return type(genotype)(**cells)


@pytest.mark.parametrize("record", [
    record for record in PUBLISHED if record.genotype.kind in ("conv", "recurrent") and max(
        len(cell.nodes) for cell in record.genotype.cells().values()) <= 8],
    ids=lambda record: record.name)
def test_node_numbers_and_the_order_of_edges_are_ignored(record):
    rng = random.Random(record.name)
    other = shuffled(record.genotype, rng)
    assert canonical(other) == canonical(record.genotype)
    assert edit_distance(other, record.genotype) == 0


def test_no_published_cell_is_the_same_as_another():
    found = Counter(digest(record.genotype) for record in PUBLISHED)
    assert len(found) == len(PUBLISHED)


def conv(nodes, concat):
    cell = zoo.Cell(nodes, concat)
    return zoo.ConvGenotype(cell, cell)


PLAIN = conv([[("sep_conv_3x3", 0)], [("skip_connect", 2), ("max_pool_3x3", 1)]], [3])


@pytest.mark.parametrize("nodes, concat", [
    # `none`, alone and with other edges.
    ([[("sep_conv_3x3", 0), ("none", 1)], [("skip_connect", 2), ("max_pool_3x3", 1)]], [3]),
    # An unused node, and a node that only an unused node reads.
    ([[("sep_conv_3x3", 0)], [("skip_connect", 2), ("max_pool_3x3", 1)],
      [("dil_conv_3x3", 3)], [("skip_connect", 4)]], [3]),
    # A node that only `none` reads.
    ([[("dil_conv_5x5", 0)], [("sep_conv_3x3", 0)],
      [("skip_connect", 3), ("none", 2), ("max_pool_3x3", 1)]], [4]),
    # A node without edges in the concat, which a network omits.
    ([[], [("sep_conv_3x3", 0)], [("skip_connect", 3), ("max_pool_3x3", 1)]], [2, 4]),
    # A synonym of an operation.
    ([[("sep_conv_3x3_2", 0)], [("skip_connect", 2), ("max_pool_3x3", 1)]], [3]),
])
def test_dead_edges_and_synonyms_are_ignored(nodes, concat):
    other = conv(nodes, concat)
    assert other != PLAIN and digest(other) == digest(PLAIN) and edit_distance(other, PLAIN) == 0


@pytest.mark.parametrize("nodes, concat, edits", [
    ([[("sep_conv_5x5", 0)], [("skip_connect", 2), ("max_pool_3x3", 1)]], [3], 1),  # an operation
    ([[("sep_conv_3x3", 1)], [("skip_connect", 2), ("max_pool_3x3", 1)]], [3], 2),  # its input
    ([[("sep_conv_3x3", 0)], [("skip_connect", 2)]], [3], 1),  # one edge less
    ([[("sep_conv_3x3", 0)], [("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)]],
     [3], 1),  # one twice
    ([[("sep_conv_3x3", 0)], [("skip_connect", 2), ("max_pool_3x3", 1)]], [2, 3], 1),  # an output
    # A convolution of zeros outputs its batch-norm's bias, so it is not dead.
    ([[("sep_conv_3x3", 0)], [], [("skip_connect", 2), ("max_pool_3x3", 1), ("sep_conv_3x3", 3)]],
     [4], 1),
    ([[("sep_conv_3x3", 1)], [("skip_connect", 2), ("max_pool_3x3", 0)]], [3], 4),  # inputs swapped
])
def test_other_changes_are_distinguished(nodes, concat, edits):
    other = conv(nodes, concat)
    assert digest(other) != digest(PLAIN)
    assert edit_distance(other, PLAIN) == edit_distance(PLAIN, other) == 2 * edits  # of two cells
    assert edit_distance(other, PLAIN, most=2 * edits) == 2 * edits
    assert edit_distance(other, PLAIN, most=2 * edits - 1) is None


def test_a_node_used_twice_differs_from_two_nodes():
    shared = conv([[("sep_conv_3x3", 0)], [("skip_connect", 2), ("skip_connect", 2)]], [3])
    apart = conv([[("sep_conv_3x3", 0)], [("sep_conv_3x3", 0)],
                  [("skip_connect", 2), ("skip_connect", 3)]], [4])
    assert digest(shared) != digest(apart)


def test_many_twins_are_fast():
    twins = [[("sep_conv_3x3", 0)] for _ in range(12)]
    assert digest(conv(twins, list(range(2, 14)))) == digest(conv(twins, list(range(13, 1, -1))))


def plain_distance(one, other):
    """The smallest distance over all matchings of the nodes."""
    total = 0
    for name in graphs(one):
        a, b = sorted((graphs(one)[name], graphs(other)[name]), key=lambda g: len(g.nodes))
        count, first, best = len(b.nodes), a.inputs, None
        for order in itertools.permutations(range(first, first + count)):
            place = [*range(first), *order]
            mine, theirs = {}, {}
            for j, edges in enumerate(a.nodes, first):
                for operation, source in edges:
                    mine.setdefault((place[source], place[j]), []).append(operation)
            for j, edges in enumerate(b.nodes, first):
                for operation, source in edges:
                    theirs.setdefault((source, j), []).append(operation)
            cost = len({place[n] for n in a.outputs} ^ b.outputs)
            for pair in mine.keys() | theirs.keys():
                x, y = Counter(mine.get(pair)), Counter(theirs.get(pair))
                cost += max((x - y).total(), (y - x).total())
            best = cost if best is None else min(best, cost)
        total += best
    return total


@pytest.mark.parametrize("space", [ConvSpace(), ConvSpace(3), RecurrentSpace(5)])
def test_the_distance_is_the_smallest_over_all_matchings(space):
    rng = random.Random(1)
    cells = [space.sample(rng) for _ in range(5)]
    cells.append(space.mutate(rng, cells[0]))
    for one, other in itertools.combinations(cells, 2):
        assert edit_distance(one, other) == edit_distance(other, one) == plain_distance(one, other)
        assert (edit_distance(one, other) == 0) == (canonical(one) == canonical(other))
    assert edit_distance(cells[0], cells[-1]) <= 2


def test_nasbench201_nodes_can_be_renumbered():
    # The nodes 1 and 2 do not read each other.
    one = "|nor_conv_1x1~0|+|avg_pool_3x3~0|none~1|+|none~0|skip_connect~1|nor_conv_3x3~2|"
    two = "|avg_pool_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|nor_conv_3x3~1|skip_connect~2|"
    assert digest(zoo.parse(one)) == digest(zoo.parse(two))
    assert edit_distance(zoo.parse(one), zoo.parse(two.replace("avg_pool", "nor_conv"))) == 1


def test_the_order_of_motifs_and_unused_motifs_are_ignored():
    a, b, c = ([["conv_1x1_relu"], ["none", "max_pool_3x3"]], [["identity"], ["identity", "none"]],
               [["avg_pool_3x3"], ["none", "identity"]])
    one = HierarchicalGenotype([[a, b, c], [[["motif_1"], ["motif_2", "motif_1"]]]])
    two = HierarchicalGenotype([[b, a, b], [[["motif_2"], ["motif_3", "motif_2"]]]])
    other = HierarchicalGenotype([[a, b, c], [[["motif_1"], ["motif_3", "motif_1"]]]])
    assert digest(one) == digest(two) != digest(other)
    with pytest.raises(TypeError, match="motifs, not cells"):
        edit_distance(one, other)


def test_kinds_are_never_equal():
    with pytest.raises(ValueError, match="a conv and a recurrent cell"):
        edit_distance(zoo.genotype("DARTS"), zoo.genotype("ENAS_RNN"))


def test_equal_forms_compute_equal_outputs():
    """A cell and its renumbered copy, with the weights transferred edge by edge."""
    import torch

    text = [[("sep_conv_3x3", 0), ("skip_connect", 1)], [("dil_conv_3x3", 1)]]
    one = zoo.ConvGenotype(*[zoo.Cell([*text, [("max_pool_3x3", 2)]], [2, 3])] * 2)
    two = zoo.ConvGenotype(*[zoo.Cell([text[1], text[0]], [3, 2])] * 2)
    assert digest(one) == digest(two)
    first, second = (zoo.create_model(genotype, channels=4, layers=3).eval()
                     for genotype in (one, two))
    places = {0: 1, 1: 2, 2: 0}  # edges of the second network to those of the first
    state = {}
    for name, value in first.state_dict().items():
        part = name.split(".")
        if "_ops" in part:
            number = int(part[3])
            if number not in places:
                continue
            part[3] = str(places[number])
        state[".".join(part)] = value
    second.load_state_dict(state)
    images = torch.randn(2, 3, 16, 16)
    assert torch.allclose(first(images), second(images), atol=1e-6)
