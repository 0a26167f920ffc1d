"""The genotype value: parsing, printing, and errors for invalid cells."""

import json
import random

import pytest

import zoo
from zoo import registry
from zoo.genotypes.cell import Cell, GenotypeError
from zoo.genotypes.conv import CONV_OPERATIONS, ConvGenotype
from zoo.genotypes.reader import parse
from zoo.genotypes.recurrent import RECURRENT_OPERATIONS, RecurrentGenotype
from zoo.genotypes.serialization import from_dict, to_dict, to_json

PUBLISHED = [cell.name for cell in registry.records() if cell.origin == "published"]
GOOD = Cell([[("sep_conv_3x3", 0), ("skip_connect", 1)]], [2])


def conv(nodes, concat=(2,)):
    return ConvGenotype(Cell(nodes, concat), GOOD)


# --- printing and parsing -----------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_cell_reads_back_from_both_forms(name):
    genotype = zoo.genotype(name)
    assert parse(str(genotype)) == genotype
    assert parse(to_json(genotype)) == genotype
    assert from_dict(to_dict(genotype)) == genotype
    assert json.loads(to_json(genotype)) == to_dict(genotype)


def random_genotype(seed):
    draw = random.Random(seed)

    def edges(number, operations, count):
        return [(draw.choice(list(operations)), draw.randrange(number)) for _ in range(count)]

    if seed % 3 == 0:
        size = draw.randint(1, 9)
        nodes = [edges(n, RECURRENT_OPERATIONS, 1) for n in range(1, size + 1)]
        return RecurrentGenotype(Cell(nodes, draw.sample(range(size + 1), draw.randint(1, size))))
    cells = []
    for _ in "normal", "reduce":
        size, pairs = draw.randint(1, 7), seed % 3 == 1
        nodes = [edges(n, CONV_OPERATIONS, 2 if pairs else draw.randint(0, 4))
                 for n in range(2, size + 2)]
        concat = sorted(draw.sample(range(2, size + 2), draw.randint(1, size)))
        cells.append(Cell(nodes, [draw.randrange(2), *concat]))
    return ConvGenotype(*cells)


@pytest.mark.parametrize("seed", range(60))
def test_any_genotype_reads_back_from_both_forms(seed):
    genotype = random_genotype(seed)
    assert parse(str(genotype)) == genotype
    assert parse(to_json(genotype)) == genotype


def test_two_edges_per_node_print_as_the_classic_pair_list():
    text = str(zoo.genotype("DARTS_V2"))
    assert text.startswith("Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ")
    assert "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), " in text


def test_other_numbers_of_edges_print_one_list_per_node():
    genotype = conv([[("skip_connect", 0)], []], (2,))
    assert str(genotype).startswith("Genotype(normal=[[('skip_connect', 0)], []], ")


def test_the_release_writes_concat_as_a_range_and_assigns_a_name():
    text = ("DARTS_V1 = Genotype(\n  normal=[('skip_connect', 0), ('skip_connect', 1)], "
            "normal_concat=range(2, 3),\n  reduce=[('skip_connect', 0), ('skip_connect', 1)], "
            "reduce_concat=[2])  # as printed")
    assert parse(text).normal.concat == (2,)


def test_recurrent_nodes_may_stand_in_lists_or_alone():
    alone = parse("Genotype(recurrent=[('tanh', 0), ('relu', 1)], concat=[1, 2])")
    lists = parse("Genotype(recurrent=[[('tanh', 0)], [('relu', 1)]], concat=range(1, 3))")
    assert alone == lists


def test_a_genotype_is_frozen_and_hashable():
    genotype = zoo.genotype("DARTS")
    assert hash(genotype) == hash(parse(str(genotype)))
    assert len({genotype, zoo.genotype("DARTS_V1"), zoo.genotype("DARTS_V2")}) == 2
    with pytest.raises(AttributeError):
        genotype.normal = GOOD


# --- errors name the edge and the allowed values ------------------------------------------


@pytest.mark.parametrize("nodes, concat, message", [
    ([[("sep_conv_3x", 0)]], [2],
     r"normal cell, node 2, edge 0 \('sep_conv_3x', 0\): unknown operation 'sep_conv_3x'; "
     r"did you mean sep_conv_3x3\? there are none, skip_connect"),
    ([[("tanh", 0)]], [2], "unknown operation 'tanh'.*there are"),
    ([[(["none"], 0)]], [2], "unknown operation .*there are"),
    ([[("skip_connect", 0), ("skip_connect", 2)]], [2],
     r"node 2, edge 1 \('skip_connect', 2\): reads from node 2; node 2 may read nodes 0 to 1"),
    ([[("skip_connect", -1)]], [2], "reads from node -1"),
    ([[("skip_connect", True)]], [2], "reads from node True"),
    ([[("skip_connect", "0")]], [2], "reads from node '0'"),
    ([[("skip_connect", 0)]], [], "normal cell: concat is empty; name at least one node of 0 to 2"),
    ([[("skip_connect", 0)]], [3], "normal cell: concat names node 3; allowed are 0 to 2"),
    ([[("skip_connect", 0)]], [2, 2], r"normal cell: concat \[2, 2\] names a node twice"),
    ([[("skip_connect", 0)], []], [3], r"no node of its concat \[3\] has an edge"),
    ([], [0], "normal cell: has no nodes; a cell needs at least one"),
])
def test_a_cell_that_cannot_be_built_is_refused(nodes, concat, message):
    with pytest.raises(GenotypeError, match=message):
        conv(nodes, concat)


def test_the_reduction_cell_is_checked_and_named():
    with pytest.raises(GenotypeError, match="reduce cell, node 2, edge 0"):
        ConvGenotype(GOOD, Cell([[("magic", 0)]], [2]))


def test_a_recurrent_node_has_one_edge():
    with pytest.raises(GenotypeError, match="recurrent cell, node 1: has 2 edges"):
        RecurrentGenotype(Cell([[("tanh", 0), ("relu", 0)]], [1]))
    with pytest.raises(GenotypeError, match="node 1 may read nodes 0 to 0"):
        RecurrentGenotype(Cell([[("tanh", 1)]], [1]))


@pytest.mark.parametrize("nodes, concat", [
    ([[("skip_connect",)]], [2]), ([["skip"]], [2]), (3, [2]), ([[("skip_connect", 0)]], 2),
    (None, None),
])
def test_values_that_are_not_cells_are_refused(nodes, concat):
    with pytest.raises(GenotypeError, match="a cell needs nodes, a list of lists"):
        Cell(nodes, concat)


def test_an_odd_pair_list_names_the_edge_without_partner():
    text = ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1), ('max_pool_3x3', 0)], "
            "normal_concat=[2], reduce=[], reduce_concat=[2])")
    with pytest.raises(GenotypeError, match=r"normal cell: 3 edges in a flat list.*edge 2 "
                                            r"\('max_pool_3x3', 0\) has no partner"):
        parse(text)


@pytest.mark.parametrize("text, message", [
    ('{"kind": "conv"', "not valid JSON: .*line 1"),
    ('{\n "kind": "conv",\n "normal": }', "not valid JSON: .*line 3"),
    ('{"kind": "graph"}', "unknown kind 'graph'; there are conv, recurrent"),
    ('{"kind": []}', r"unknown kind \[\]; there are conv, recurrent"),
    ('{"kind": "conv", "normal": []}', "'normal' must be an object with 'nodes' and 'concat'"),
    ('{"kind": "conv", "normal": {"nodes": 1, "concat": []}}', "normal cell: a cell needs nodes"),
    ("", "the text has no genotype; expected Genotype"),
    ("Genotype(", "cannot be read as Genotype"),
    ("Genotype(normal=[])", "found the fields normal; a convolutional genotype has"),
    ("Genotype([], [2], [], [2])", "normal cell: has no nodes"),
    ("Genotype(recurrent=3, concat=[1])", "recurrent: expected a list"),
    ("Genotype(recurrent=[('tanh', 0)], concat=range(0, 10**9))", "concat: "),
    ("Genotype(recurrent=[('tanh', 0)], concat=range(0, 1000000000))", "longer than any cell"),
    ("Genotype(recurrent=[('tanh', 0)], concat=range(0, 9, 0))", "concat: .*only quoted names"),
    ("[1, 2]", "expected one Genotype"),
])
def test_text_without_a_genotype_says_why(text, message):
    with pytest.raises(GenotypeError, match=message):
        parse(text)


# --- nothing is evaluated -----------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "__import__('os').mkdir('{folder}')",
    "Genotype(recurrent=__import__('os').mkdir('{folder}'), concat=[1])",
    "Genotype(recurrent=[(open('{folder}', 'w'), 0)], concat=[1])",
    "Genotype(recurrent=[('tanh', 0)], concat=range(__import__('os').mkdir('{folder}'), 3))",
    "Genotype(**dict(recurrent=[('tanh', 0)], concat=[1]))",
    "Genotype(recurrent=[('tanh', 0)], concat=[x for x in (1,)])",
    "Genotype(recurrent=[('tanh', 0)], concat=list(__import__('os').mkdir('{folder}')))",
    "Genotype(recurrent=[('tanh', np.int64(open('{folder}', 'w')))], concat=[1])",
])
def test_hostile_text_is_refused_and_not_run(text, tmp_path):
    folder = tmp_path / "made"
    with pytest.raises(GenotypeError):
        parse(text.replace("{folder}", str(folder)))
    assert not folder.exists()


@pytest.mark.parametrize("text", ["(" * 100_000, "Genotype(recurrent=" + "[" * 100_000,
                                  "{" * 100_000, '{"normal":' * 100_000, "\0", "Genotype(\0)"])
def test_absurd_text_is_refused_with_one_error(text):
    with pytest.raises(GenotypeError):
        parse(text)


def test_code_around_a_genotype_is_not_run(tmp_path):
    folder = tmp_path / "made"
    text = (f"__import__('os').mkdir({str(folder)!r})\n"
            "CELL = x.Genotype(recurrent=[('tanh', 0)], concat=[1]); "
            f"__import__('os').mkdir({str(folder)!r})")
    assert parse(text).recurrent.nodes == ((("tanh", 0),),)
    assert not folder.exists()
