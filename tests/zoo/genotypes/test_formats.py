"""Genotypes in the notations of other tools: written ones are read back, unsupported ones refused
by name."""

import ast
import json

import pytest

import zoo
from zoo import registry
from zoo.genotypes.cell import Cell, GenotypeError
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.formats import FORMATS, write
from zoo.genotypes.reader import read

CELLS = {cell.name: cell.genotype for cell in registry.records() if cell.origin != "user"}


def held(form):
    limits = FORMATS[form].limits
    return [name for name, cell in CELLS.items() if limits is None or not limits.misfit(cell)]


def by_inputs(genotype):
    """The edges of a node sorted by input, since a node is their sum."""
    return type(genotype)(*(Cell([sorted(edges, key=lambda edge: edge[1]) for edges in cell.nodes],
                                 cell.concat) for cell in genotype.cells().values()))


@pytest.mark.parametrize("form", FORMATS)
def test_every_supported_cell_is_read_back(form):
    names = held(form)
    for name in names:
        text, lost = write(CELLS[name], form)
        genotype = read(text).genotype
        if lost:
            assert genotype != CELLS[name] and genotype == by_inputs(CELLS[name]), name
        else:
            assert genotype == CELLS[name], name
    # The notations of other tools cover most, but not all, convolutional cells.
    conv = [name for name in names if CELLS[name].kind == "conv"]
    assert len(names) == len(CELLS) if FORMATS[form].limits is None else (
        names == conv and 60 < len(conv) < len(CELLS) - 20)


@pytest.mark.parametrize("form", [name for name, each in FORMATS.items() if each.limits])
def test_every_unsupported_cell_is_refused_in_one_line(form):
    for name in CELLS.keys() - set(held(form)):
        with pytest.raises(GenotypeError, match=f"^cannot be written as {form}: ") as caught:
            write(CELLS[name], form)
        assert "\n" not in str(caught.value)


def conv(nodes, concat, reduce=None):
    cell = Cell(nodes, concat)
    return ConvGenotype(cell, reduce or cell)


PAIR = [("skip_connect", 0), ("skip_connect", 1)]


@pytest.mark.parametrize("form, genotype, reason", [
    ("nni", "DARTS_V2_RNN", "it is a recurrent cell, and NNI has only convolutional cells"),
    ("nni", conv([PAIR, PAIR[:1]], (2, 3)), "normal cell: node 3 has 1 edge, and NNI has 2"),
    ("nni", conv([PAIR, PAIR], (3,)), "its concat is 3, and NNI always concatenates all "
                                      "nodes, 2, 3"),
    ("nni", conv([PAIR, PAIR], (3, 2)), "its concat is 3, 2"),
    ("nni", conv([PAIR], (2,), Cell([PAIR] * 2, (2, 3))),
     "the normal cell has 1 nodes and the reduction cell 2"),
    ("nni", conv([[("none", 0), ("skip_connect", 1)]], (2,)), "node 2 has none, which NNI"),
    ("nasbench301", conv([PAIR] * 5, range(2, 7)), "5 nodes, and NAS-Bench-301 has 4"),
    ("nasbench301", conv([PAIR] * 3 + [PAIR[:1] * 2], range(2, 6)),
     "both edges of node 5 read node 0"),
    ("naslib", conv([PAIR] * 3 + [[("conv_3x3", 0), ("skip_connect", 1)]], range(2, 6)),
     "node 5 has conv_3x3, which NASLib does not have"),
])
def test_why_a_cell_does_not_fit(form, genotype, reason):
    genotype = zoo.genotype(genotype) if isinstance(genotype, str) else genotype
    with pytest.raises(GenotypeError, match=reason):
        write(genotype, form)


# --- as written by the tools themselves -----------------------------------------------------

# `arch` of 'darts-v2' in nni/nas/hub/pytorch/nasnet.py.
NNI = {
    "normal/op_2_0": "sep_conv_3x3", "normal/op_2_1": "sep_conv_3x3",
    "normal/input_2_0": [0], "normal/input_2_1": [1],
    "normal/op_3_0": "sep_conv_3x3", "normal/op_3_1": "sep_conv_3x3",
    "normal/input_3_0": [0], "normal/input_3_1": [1],
    "normal/op_4_0": "sep_conv_3x3", "normal/op_4_1": "skip_connect",
    "normal/input_4_0": [1], "normal/input_4_1": [0],
    "normal/op_5_0": "skip_connect", "normal/op_5_1": "dil_conv_3x3",
    "normal/input_5_0": [0], "normal/input_5_1": [2],
    "reduce/op_2_0": "max_pool_3x3", "reduce/op_2_1": "max_pool_3x3",
    "reduce/input_2_0": [0], "reduce/input_2_1": [1],
    "reduce/op_3_0": "skip_connect", "reduce/op_3_1": "max_pool_3x3",
    "reduce/input_3_0": [2], "reduce/input_3_1": [1],
    "reduce/op_4_0": "max_pool_3x3", "reduce/op_4_1": "skip_connect",
    "reduce/input_4_0": [0], "reduce/input_4_1": [2],
    "reduce/op_5_0": "skip_connect", "reduce/op_5_1": "max_pool_3x3",
    "reduce/input_5_0": [2], "reduce/input_5_1": [1],
}
# What `convert_genotype_to_config` and `convert_genotype_to_compact` of
# naslib/search_spaces/nasbench301/conversions.py give for DARTS_V2.
NB301 = {
    "edge_normal_0": "sep_conv_3x3", "edge_normal_1": "sep_conv_3x3",
    "edge_normal_2": "sep_conv_3x3", "edge_normal_3": "sep_conv_3x3", "inputs_node_normal_3": "0_1",
    "edge_normal_6": "sep_conv_3x3", "edge_normal_5": "skip_connect", "inputs_node_normal_4": "0_1",
    "edge_normal_9": "skip_connect", "edge_normal_11": "dil_conv_3x3",
    "inputs_node_normal_5": "0_2",
    "edge_reduce_0": "max_pool_3x3", "edge_reduce_1": "max_pool_3x3",
    "edge_reduce_4": "skip_connect", "edge_reduce_3": "max_pool_3x3", "inputs_node_reduce_3": "1_2",
    "edge_reduce_5": "max_pool_3x3", "edge_reduce_7": "skip_connect", "inputs_node_reduce_4": "0_2",
    "edge_reduce_11": "skip_connect", "edge_reduce_10": "max_pool_3x3",
    "inputs_node_reduce_5": "1_2",
}
COMPACT = (((0, 3), (1, 3), (0, 3), (1, 3), (1, 3), (0, 2), (0, 2), (2, 5)),
           ((0, 0), (1, 0), (2, 2), (1, 0), (0, 0), (2, 2), (2, 2), (1, 0)))


def test_darts_v2_as_each_tool_writes_it():
    darts = CELLS["DARTS_V2"]
    assert json.loads(write(darts, "nni")[0]) == NNI
    assert json.loads(write(darts, "nasbench301")[0]) == {
        f"NetworkSelectorDatasetInfo:darts:{key}": value for key, value in NB301.items()}
    assert ast.literal_eval(write(darts, "naslib")[0]) == COMPACT
    assert write(darts, "classic") == (str(darts), [])


def test_a_lost_order_is_noted():
    _, lost = write(CELLS["DARTS_V2"], "nasbench301")
    assert lost == ["nasbench301 does not keep the order of a node's edges; they are read back "
                    "sorted by input"]
    assert write(by_inputs(CELLS["DARTS_V2"]), "nasbench301")[1] == []
    assert write(CELLS["DARTS_V2"], "naslib")[1] == []


def test_an_unknown_format_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown format 'nnni'; did you mean nni.* classic, json"):
        write(CELLS["DARTS_V2"], "nnni")
