"""Genotypes in the wild: every notation is read as intended, or refused by name."""

import json
import random
import time

import pytest

import zoo
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.reader import parse, read
from zoo.genotypes.serialization import from_dict, to_json
from zoo.system.encoding import decode

PC_DARTS = zoo.genotype("PC_DARTS_cifar")
DARTS_V2 = zoo.genotype("DARTS_V2")
NORMAL = ("[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
          "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)]")
REDUCE = ("[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), "
          "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)]")
CLASSIC = (f"Genotype(normal={NORMAL}, normal_concat=range(2, 6), "
           f"reduce={REDUCE}, reduce_concat=range(2, 6))")
SMALL = ("Genotype(normal=[('{}', 0), ('sep_conv_3x3', 1)], normal_concat=[2], "
         "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])")


def small(operation="sep_conv_3x3"):
    return parse(SMALL.format(operation))


def nested(edges):
    """Pairs nested by node, as in GDAS."""
    pairs = edges.strip("[]").split("), (")
    pairs = [f"({pair.strip('()')})" for pair in pairs]
    return "[" + ", ".join(f"({a}, {b})" for a, b in zip(pairs[::2], pairs[1::2],
                                                         strict=True)) + "]"


# --- one genotype in any Python notation --------------------------------------------------


AS_WRITTEN = {
    "log with a time stamp": f"01/28 03:51:40 PM genotype = {CLASSIC}",
    "log with a level": f"INFO genotype = {CLASSIC}",
    "prose with an apostrophe": f"it's {{done}} [epoch 3: {CLASSIC} don't stop",
    "qualified": f"genotypes.{CLASSIC}",
    "byte order mark": f"\ufeff{CLASSIC}",
    "list of a range": CLASSIC.replace("range(2, 6)", "list(range(2, 6))"),
    "sums": CLASSIC.replace("range(2, 6)", "range(2 + 4 - 4, 2 + 4)"),
    "sum of lists": CLASSIC.replace("range(2, 6)", "list(range(2, 5)) + [5]"),
    "tuple": CLASSIC.replace("range(2, 6)", "(2, 3, 4, 5)"),
    "NumPy 2": CLASSIC.replace("', 0)", "', np.int64(0))").replace("', 1)", "', numpy.int32(1))"),
    "tensors": CLASSIC.replace("', 0)", "', tensor(0, device='cuda:0'))"),
    "double quotes": CLASSIC.replace("'", '"'),
    "line breaks": CLASSIC.replace(", (", ",\n    ("),
    "Windows line ends": f"x\r\n{CLASSIC}\r\n".replace(", (", ",\r\n ("),
    "comments": CLASSIC.replace("), (", "),  # an edge :) (\n ("),
    "positional": f"Genotype({NORMAL}, range(2, 6), {REDUCE}, range(2, 6))",
    "positional in an order of its own":
        "Genotype = namedtuple('Genotype', 'normal reduce normal_concat reduce_concat')\n"
        f"A = Genotype({NORMAL}, {REDUCE}, range(2, 6), range(2, 6))",
    "GDAS": f"Genotype(normal={nested(NORMAL)}, normal_concat=[2, 3, 4, 5], "
            f"reduce={nested(REDUCE)}, reduce_concat=[2, 3, 4, 5], connectN=None, connects=None)",
    "strengths": CLASSIC.replace("', 0)", "', 0, 0.25)").replace("', 1)", "', 1, np.float32(.2))")
                        .replace("', 2)", "', 2, tensor(-1e-3))"),
    "Python dict": f"{{'normal': {NORMAL}, 'normal_concat': range(2, 6), "
                   f"'reduce': {nested(REDUCE)}, 'reduce_concat': [2, 3, 4, 5]}}",
    "Python dict in a log": f"12:00 {{'lr': 3}} arch: {{'normal': {NORMAL}, 'normal_concat': "
                            f"[2, 3, 4, 5], 'reduce': {REDUCE}, 'reduce_concat': [2, 3, 4, 5]}}",
    "call of dict": f"best = Genotype(**{{}})\nGenotype(normal={NORMAL}, normal_concat=range(2, 6),"
                    f" reduction={REDUCE}, reduction_concat=range(2, 6))",
    "JSON of the fields":
        f'{{"epoch": 3, "genotype": {{"normal": {NORMAL}, "normal_concat": [2, 3, 4, 5], '
        f'"reduce": {REDUCE}, "reduce_concat": [2, 3, 4, 5]}}}}'
        .replace("'", '"').replace("(", "[").replace(")", "]"),
    "text within JSON": f'{{"epoch": 3, "genotype": "{CLASSIC}"}}',
}


@pytest.mark.parametrize("form", AS_WRITTEN)
def test_one_cell_in_every_notation(form):
    assert read(AS_WRITTEN[form]).genotype == DARTS_V2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_files_of_every_encoding(form, encoding, tmp_path):
    text = CLASSIC if form == "text" else (
        '{"normal":{"nodes":[[["sep_conv_3x3",0],["sep_conv_3x3",1]]],"concat":[2]},'
        '"reduce":{"nodes":[[["max_pool_3x3",0],["max_pool_3x3",1]]],"concat":[2]}}')
    assert parse(decode(text.encode(encoding))) == (DARTS_V2 if form == "text" else small())


# --- notes on skipped and ambiguous parts -------------------------------------------------


@pytest.mark.parametrize("form, note", [
    ("strengths", "ignored: the strengths of the edges"),
    ("GDAS", "ignored: connectN, connects"),
])
def test_skipped_parts_are_reported(form, note):
    assert read(AS_WRITTEN[form]).notes == [note]
    with pytest.warns(UserWarning, match=note):
        parse(AS_WRITTEN[form])


def test_plain_forms_say_nothing():
    assert [form for form in AS_WRITTEN if read(AS_WRITTEN[form]).notes] == [
        "GDAS", "strengths", "call of dict"]


def triples(edges, concat="range(2, 4)"):
    return (f"Genotype(normal={edges}, normal_concat={concat}, reduce={edges}, "
            f"reduce_concat={concat})")


@pytest.mark.parametrize("order, edges", [
    ("target, source", "[('sep_conv_3x3', 2, 0), ('sep_conv_3x3', 2, 1), ('skip_connect', 3, 0)]"),
    ("source, target", "[('sep_conv_3x3', 0, 2), ('sep_conv_3x3', 1, 2), ('skip_connect', 0, 3)]"),
])
def test_triples_are_sorted_by_their_targets(order, edges):
    reading = read(triples(edges))
    assert reading.genotype.normal.nodes == (
        (("sep_conv_3x3", 0), ("sep_conv_3x3", 1)), (("skip_connect", 0),))
    assert reading.notes == [f"edges read as (operation, {order})"]


@pytest.mark.parametrize("edges, message", [
    ("[('sep_conv_3x3', 2, 0), ('sep_conv_3x3', 1, 2)]", "neither all .* each source before"),
    ("[('sep_conv_3x3', 0, 1), ('sep_conv_3x3', 1, 3)]", "leads to node 1; .*strength, write it"),
    ("[('sep_conv_3x3', 10**9, 1)]", r"found 10 \*\* 9"),
    ("[('sep_conv_3x3', 99999999, 1)]", "leads to node 99999999"),
    ("[('sep_conv_3x3', 0, 'x'), ('sep_conv_3x3', 1, 0.1)]", "the third value must be a strength"),
])
def test_triples_that_may_mean_two_things_are_refused(edges, message):
    with pytest.raises(GenotypeError, match=message):
        parse(triples(edges))


def test_input_first_is_read_with_a_note():
    reading = read(SMALL.replace("('{}', 0)", "(0, 'sep_conv_3x3')"))
    assert reading.genotype == small()
    assert reading.notes == ["edges read as (input, operation)"]


# --- several in one text ------------------------------------------------------------------


LOG = "\n".join(f"03:5{n} PM epoch {n} genotype = {SMALL.format(operation)}"
                for n, operation in enumerate(("skip_connect", "sep_conv_5x5", "dil_conv_3x3")))
MODULE = f"""from collections import namedtuple
Genotype = namedtuple('Genotype', 'normal normal_concat reduce reduce_concat')
PRIMITIVES = ['none', 'sep_conv_3x3']
# OLD = {SMALL.format("max_pool_3x3")}
First = {SMALL.format("skip_connect")}
Second = \\
    {SMALL.format("sep_conv_5x5")}
BEST = First  # for now
TABLE = {{'third-1': {SMALL.format("dil_conv_3x3")}}}


class Searcher:
    def genotype(self):
        return Genotype(normal=gene_normal, normal_concat=concat, reduce=gene, reduce_concat=concat)
"""


def test_of_several_the_last_is_taken_with_a_note():
    reading = read(LOG)
    assert reading.genotype == small("dil_conv_3x3")
    assert reading.name == ""
    assert reading.notes == ["read the last of 3 genotypes, from line 3; "
                             "use --select with a number or a name for another"]


@pytest.mark.parametrize("select, operation", [
    (1, "skip_connect"), ("2", "sep_conv_5x5"), ("First", "skip_connect"),
    ("second", "sep_conv_5x5"), ("BEST", "skip_connect"), ("third-1", "dil_conv_3x3"),
])
def test_a_number_or_a_name_selects(select, operation):
    assert read(MODULE, select).genotype == small(operation)
    assert read(MODULE, select).notes == ["ignored: genotypes in comments (1)"]


@pytest.mark.parametrize("select, message", [
    (None, r"normal: found gene_normal at line 14, column \d+; nothing is evaluated, so .*; "
           "it is the last of 4 genotypes, use --select with a number"),
    ("0", "there is no genotype 0; select one of 1 to 4"), (5, "there is no genotype 5"),
    ("frist", "named 'frist'; did you mean First"),
])
def test_an_invalid_selection_says_why(select, message):
    with pytest.raises(GenotypeError, match=message):
        read(MODULE, select)
    with pytest.raises(GenotypeError, match="the genotypes here have no names"):
        read(LOG, "x")


def test_names():
    assert read(f"MINE = {CLASSIC}").name == "MINE"
    assert read(f"MINE: Genotype = g.{CLASSIC}").name == "MINE"
    assert read(f"log genotype = {CLASSIC}").name == ""


# --- wrong and unfinished text ------------------------------------------------------------


@pytest.mark.parametrize("text, message", [
    (LOG + "\nlast = Genotype(normal=[('sep", "unfinished at line 4, column 2.: the quote is not"),
    (LOG + "\nlast = Genotype(normal=[('sep', 1)", "unfinished at line 4, .*: 2 brackets are not"),
    ("Genotype(normal=[(\n" + LOG, "is the last of|Genotype"),
    (f"\n x = {SMALL.format('sep_conv_3x')}", r"unknown operation 'sep_conv_3x'; did you mean "
     r"sep_conv_3x3\?.* \(at line 2, column 24\)"),
    ("\nGenotype(normal=[('a', 0) ('b', 1)])", r"line 2"),
    ("Genotype(normal=[('a', )))", "unmatched|line 1"),
    ("Genotype(normal=[], normal_concat=[2])", "missing: reduce, reduce_concat"),
    ("Genotype(1, 2, 3, 4, 5, 6, 7)", "7 positional values"),
    ("Genotype([], normal=[], a=1, b=2)", "normal is given twice"),
    ("no genotype here", "the text has no genotype; expected Genotype"),
])
def test_wrong_text_says_where_and_what(text, message):
    if text.startswith("Genotype(normal=[(\n"):
        assert read(text).genotype == small("dil_conv_3x3")  # a later one is whole
        text = "Genotype(normal=[(\n"
        message = "unfinished"
    with pytest.raises(GenotypeError, match=message) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


# --- other tools --------------------------------------------------------------------------


def nni(genotype, wrap=lambda source: [source]):
    return {f"{cell}/{what}_{node}_{number}": value
            for cell, graph in genotype.cells().items()
            for node, edges in enumerate(graph.nodes, start=2)
            for number, (operation, source) in enumerate(edges)
            for what, value in (("op", operation), ("input", wrap(source)))}


def switch(genotype, operation, chosen):
    made = {}
    for cell, graph in genotype.cells().items():
        for node, edges in enumerate(graph.nodes, start=2):
            prefix = f"{cell}_n{node}_p"
            made |= {f"{prefix}{source}": [] for source in range(node)}
            made |= {f"{prefix}{source}": operation(name) for name, source in edges}
            made[f"{cell}_n{node}_switch"] = [chosen(prefix, source) for _, source in edges]
    return made


def nb301(genotype, prefix="NetworkSelectorDatasetInfo:darts:"):
    made = {}
    for cell, graph in genotype.cells().items():
        for node, edges in enumerate(graph.nodes, start=2):
            first = {2: 0, 3: 2, 4: 5, 5: 9}[node]
            made |= {f"{prefix}edge_{cell}_{first + source}": name for name, source in edges}
            if node > 2:
                made[f"{prefix}inputs_node_{cell}_{node}"] = "_".join(
                    str(source) for source in sorted(source for _, source in edges))
    return made


OPERATIONS = ["max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5",
              "dil_conv_3x3", "dil_conv_5x5"]
NNI_NAMES = ["maxpool", "avgpool", "skipconnect", "sepconv3x3", "sepconv5x5", "dilconv3x3",
             "dilconv5x5"]
#: Sorted by input, for comparison with notations that keep no order.
SORTED = type(DARTS_V2)(*(
    type(cell)([sorted(node, key=lambda edge: edge[1]) for node in cell.nodes], cell.concat)
    for cell in DARTS_V2.cells().values()))


def compact(genotype):
    return tuple(tuple((source, OPERATIONS.index(name)) for name, source in cell.edges)
                 for cell in genotype.cells().values())


OTHER_TOOLS = {
    "NNI, inputs in lists": (nni(SORTED), "NNI's cell"),
    "NNI, inputs alone": (nni(SORTED, int), "NNI's cell"),
    "NNI, older, names": (switch(SORTED, lambda name: NNI_NAMES[OPERATIONS.index(name)],
                                 lambda prefix, source: f"{prefix}{source}"), "NNI's older form"),
    "NNI, older, numbers": (switch(SORTED, OPERATIONS.index, lambda prefix, source: source),
                            "NNI's older form"),
    "NNI, older, one-hot": (switch(SORTED, lambda name: [name == one for one in OPERATIONS],
                                   lambda prefix, source: f"{prefix}{source}"),
                            "NNI's older form"),
    "NAS-Bench-301": (nb301(SORTED), "a NAS-Bench-301 configuration"),
    "NAS-Bench-301, short keys": (nb301(SORTED, ""), "a NAS-Bench-301 configuration"),
    "NASLib": (compact(SORTED), "NASLib's compact"),
}


@pytest.mark.parametrize("tool", OTHER_TOOLS)
def test_notations_of_other_tools_are_recognized_with_a_note(tool):
    value, called = OTHER_TOOLS[tool]
    reading = read(repr(value))
    assert reading.genotype == SORTED
    assert reading.notes[0].startswith(f"read as {called}")


def without(made, *keys):
    return {key: value for key, value in made.items() if key not in keys}


@pytest.mark.parametrize("value, message", [
    ({"NetworkSelectorDatasetInfo:darts:edge_normal_0": "max_pool_3x3",
      "NetworkSelectorDatasetInfo:darts:edge_normal_1": "dil_conv_3x3",
      "NetworkSelectorDatasetInfo:darts:inputs_node_normal_3": "0_1"},
     "NAS-Bench-301: edge_normal_2 is missing"),
    (without(nb301(SORTED, ""), "inputs_node_reduce_5"), "inputs_node_reduce_5 is missing; it"),
    (nb301(SORTED, "") | {"edge_normal_13": "skip_connect"}, "edge_normal_13 reads an input"),
    (without(nni(SORTED), "normal/input_3_1"), "NNI: normal/input_3_1 is missing"),
    ({key: op for key, op in nni(SORTED).items() if "normal" in key}, "NNI: reduce/op_2_0 is miss"),
    (without(switch(SORTED, OPERATIONS.index, lambda _, source: source), "normal_n3_switch"),
     "NNI: normal_n3_p0 has no matching _switch"),
    (switch(SORTED, lambda name: 9, lambda _, source: source), "NNI: .*unknown operation 9"),
    (((((0, 9),) * 8),) * 2, "NASLib: normal cell: operation 9; use 0 to 6"),
    (((((0, 1),) * 4),) * 2, "NASLib: normal cell: 4 edges; a cell has 8"),
    ((4, 0, 3, 1, 5, 3), "NASLib: operation 5; NAS-Bench-201 has 0 to 4, skip_connect, none"),
])
def test_incomplete_notations_of_other_tools_are_refused(value, message):
    with pytest.raises(GenotypeError, match=message):
        read(repr(value))


NB201 = ("|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|"
         "none~2|")


@pytest.mark.parametrize("text, name", [
    (f"{NB201}\n", ""),
    (f"RESNET = '{NB201}'", "RESNET"),
    (f"epoch 3 genotype: Structure(4 nodes with {NB201.replace('none', 'skip_connect')})\n"
     f"epoch 4 genotype: Structure(4 nodes with {NB201})", ""),
    (f'{{"epoch": 3, "arch": "{NB201}"}}', ""),
    ('{"kind": "nasbench201", "name": "RESNET", "cell": {"nodes": [[["nor_conv_3x3", 0]], '
     '[["nor_conv_3x3", 0], ["avg_pool_3x3", 1]], [["skip_connect", 0], ["nor_conv_1x1", 1], '
     '["none", 2]]], "concat": [3]}}', "RESNET"),
    # NASLib counts the edges by their sources: 0-1, 0-2, 0-3, 1-2, 1-3, 2-3.
    ("(2, 2, 0, 4, 3, 1)", ""),
])
def test_a_nas_bench_201_cell_in_every_notation(text, name):
    reading = read(text)
    assert (str(reading.genotype), reading.name) == (NB201, name)
    assert reading.genotype == from_dict(json.loads(to_json(reading.genotype)))


@pytest.mark.parametrize("text, message", [
    ("|nor_conv_3x3~0|+|skip_connect~0|conv_3x3~1|",
     "cell, node 2, edge 1 .*unknown operation 'conv_3x3'; did you mean nor_conv_3x3"),
    ("|none~0|+|none~1|none~0|", "node 2: reads from node 1, node 0; .* in this order"),
    ("|none~0|+|none~0|", "node 2: reads from node 0; .* here node 0, node 1"),
    ('{"kind": "nasbench201", "cell": {"nodes": [[["none", 0]]], "concat": [0]}}',
     r"concat is \[0\]; the output"),
])
def test_an_incomplete_nas_bench_201_cell_is_refused(text, message):
    with pytest.raises(GenotypeError, match=message):
        read(text)


def test_values_next_to_a_tools_cell_are_noted():
    reading = read(repr(nni(SORTED) | {"depth": 8, "width": 16}))
    assert (reading.genotype, reading.notes[1]) == (SORTED, "ignored: depth, width")


def test_several_in_one_object_are_refused():
    with pytest.raises(GenotypeError, match="2 genotypes in one object, a, b; keep only one"):
        read(repr({"a": nni(SORTED), "b": nni(SORTED), "normal": 3}))


def test_nni_cells_of_five_nodes_note_the_ambiguous_concat():
    cell = PC_DARTS.normal
    five = type(PC_DARTS)(*[type(cell)([*cell.nodes, [("skip_connect", 0), ("skip_connect", 3)]],
                                       range(2, 7))] * 2)
    reading = read(repr(nni(five)))
    assert reading.genotype == five
    assert "NASNet, ENAS and AmoebaNet concatenate only" in reading.notes[1]


# --- any input gives a genotype or one line -----------------------------------------------


def mutations(text, count, draw):
    pieces = ["(", ")", "[", "]", "{", "}", "'", '"', ",", "\n", "\0", "#", "Genotype(", "9" * 5000,
              "range(", "-", "**", "\\", "1e999", "None", "~", "|", ":", "\ud800", "lambda: 0"]
    for _ in range(count):
        at, end = sorted(draw.sample(range(len(text) + 1), 2))
        yield draw.choice((
            text[:at], text[at:], text[:at] + text[min(end, at + 9):],
            text[:at] + draw.choice(pieces) + text[at:],
            text[:at] + draw.choice(pieces) + text[at + 1:], text[:end] + text[at:]))


def fuzz(count):
    draw = random.Random(0)
    start = time.monotonic()
    texts = [*AS_WRITTEN.values(), LOG, MODULE, *(repr(value) for value, _ in OTHER_TOOLS.values())]
    for text in texts:
        for mutated in mutations(text, count, draw):
            try:
                read(mutated)
            except GenotypeError as error:
                assert str(error)
    return (time.monotonic() - start) / len(texts) / count


def test_mutated_text_is_read_or_refused():
    assert fuzz(20) < 0.1


@pytest.mark.slow
def test_much_mutated_text_is_read_or_refused():
    assert fuzz(1000) < 0.1


@pytest.mark.parametrize("text", ["{" * 200_000, "Genotype(" * 20_000, "{'normal':" * 20_000,
                                  "Genotype(normal=" + "-" * 50_000, "(" * 50_000,
                                  "Genotype(normal=" + "1+" * 20_000 + "1)", "[" * 200_000,
                                  "{}\n" * 50_000 + "x"])
def test_no_text_takes_long(text):
    start = time.monotonic()
    with pytest.raises(GenotypeError):
        parse(text)
    assert time.monotonic() - start < 10
