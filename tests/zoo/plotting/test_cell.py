"""The drawing of a cell: valid, accessible, complete, and without overlaps."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest

import zoo
from zoo import registry
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.plotting.cell import cell_graph, svg
from zoo.plotting.layout import PILL_HEIGHT, RADIUS, place

SVG = "{http://www.w3.org/2000/svg}"
PUBLISHED = [cell.name for cell in registry.records() if cell.origin == "published"]


#: What stands at the inputs and at the output.
ENDS = {"conv": {"ck−2", "ck−1", "ck = concat"}, "recurrent": {"xt", "ht−1", "ht = mean"},
        "nasbench201": {"0", "output"}}


def texts(root):
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_operation_and_node_is_labeled(name):
    genotype = zoo.genotype(name)
    root = ElementTree.fromstring(svg(genotype, name))
    labels = texts(root)
    operations = [operation for cell in genotype.cells().values() for operation, _ in cell.edges
                  if genotype.kind != "nasbench201" or operation != "none"]
    for operation in set(operations):
        assert labels.count(operation) == operations.count(operation)
    assert name in labels
    for cell in genotype.cells().values():
        first = 2 if genotype.kind == "conv" else 0  # as `Genotype(...)` numbers them
        for number in range(first, first + len(cell.nodes)):
            assert labels.count(str(number)) >= len(genotype.cells())
    assert genotype.kind != "conv" or not {"0", "1"} & set(labels)
    assert ENDS[genotype.kind] <= set(labels)


#: A node that no edge leads to, and nothing but nodes.
SPARSE = [NasBench201Genotype.of("none", "none", "skip_connect", "none", *["avg_pool_3x3"] * 2),
          NasBench201Genotype.of(*["none"] * 6)]


@pytest.mark.parametrize("genotype", [*map(zoo.genotype, PUBLISHED), *SPARSE],
                         ids=[*PUBLISHED, *map(str, SPARSE)])
def test_no_elements_overlap(genotype):
    for cell in genotype.cells().values():
        layout = place(*cell_graph(cell, genotype.kind))
        boxes = [(p.x - p.width / 2, p.x + p.width / 2, p.y - PILL_HEIGHT / 2,
                  p.y + PILL_HEIGHT / 2) for p in layout.pills]
        boxes += [(x - RADIUS, x + RADIUS, y - RADIUS, y + RADIUS)
                  for x, y in layout.nodes.values()]
        for (a, b, c, d), (e, f, g, h) in itertools.combinations(boxes, 2):
            assert b <= e or f <= a or d <= g or h <= c
        for left, right, top, bottom in boxes:
            assert left >= -0.01 and right <= layout.width + 0.01 and bottom <= layout.height
            for line in layout.lines:
                # Lines move sideways between rows, where there are no boxes, then run straight.
                for (x, y), (to_x, to_y) in itertools.pairwise(line.points[1:]):
                    assert x == to_x
                    assert not (left < x < right and y < bottom and top < to_y)


def test_every_edge_has_its_line():
    cell = zoo.genotype("DARTS_V2").reduce
    layout = place(*cell_graph(cell, "conv"))
    assert len(layout.pills) == len(cell.edges)
    into_pills = [line.points[-1] for line in layout.lines]
    for pill in layout.pills:
        assert (pill.x, pill.y - PILL_HEIGHT / 2) in into_pills


@pytest.mark.parametrize("name", ["DARTS", "NASNet", "FairDARTS_a", "SNAS_aggressive"])
def test_data_attributes_name_the_parts(name):
    """Cells, nodes and edges, these numbered as in the genotype."""
    genotype = zoo.genotype(name)
    groups = {group.get("data-cell"): group
              for group in ElementTree.fromstring(svg(genotype, name)).iter(f"{SVG}g")
              if group.get("data-cell")}
    assert groups.keys() == genotype.cells().keys()
    for kind, cell in genotype.cells().items():
        nodes = ["c_k-2", "c_k-1", *map(str, range(2, 2 + len(cell.nodes)))]
        parts = list(groups[kind])
        assert [part.get("data-node") for part in parts if part.get("data-node")] == nodes
        drawn = {part.get("data-edge"): label.text for part, label in itertools.pairwise(parts)
                 if part.get("data-edge")}
        targets = [nodes[number] for number, edges in enumerate(cell.nodes, start=2)
                   for _ in edges]
        assert drawn == {f"{number} {nodes[source]} {target}": operation
                         for number, ((operation, source), target)
                         in enumerate(zip(cell.edges, targets, strict=True))}


def test_equal_edges_are_drawn_apart():
    """Node 3 of NASNet pools node c_{k-2} twice."""
    layout = place(*cell_graph(zoo.genotype("NASNet").normal, "conv"))
    places = [(pill.x, pill.y) for pill in layout.pills if pill.operation == "avg_pool_3x3"]
    assert len(set(places)) == len(places) == 3


def test_it_has_an_accessible_name_and_description():
    root = ElementTree.fromstring(svg(zoo.genotype("DARTS"), "DARTS"))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    assert title.text == "DARTS"
    assert ("normal cell: node 2 = sep_conv_3x3 of c_k-1 + sep_conv_3x3 of c_k-2; node 3 = "
            in description.text)
    assert "output = concatenation of 2, 3, 4, 5." in description.text


def test_a_node_without_edges_is_drawn_without_output():
    text = svg(zoo.genotype("FairDARTS_a"), "FairDARTS_a")
    assert 'stroke-dasharray="3 3" opacity="0.6"' in text
    assert "node 3 = no edges" in text and "concatenation of 2, 4, 5." in text


def test_a_none_edge_is_dashed():
    text = svg(zoo.genotype("SNAS_aggressive"), "SNAS_aggressive")
    assert text.count('stroke-dasharray="3 3"/>') == 3 * 6  # label, line in, line out


def test_a_title_is_escaped():
    root = ElementTree.fromstring(svg(zoo.genotype("DARTS"), '<b>&"]]>'))
    assert root.find(f"{SVG}title").text == '<b>&"]]>'
    assert '<b>&"]]>' in texts(root)


def test_it_needs_no_script_or_network_and_has_a_dark_mode():
    text = svg(zoo.genotype("DARTS"), "DARTS")
    assert "prefers-color-scheme: dark" in text
    assert "<script" not in text and "<image" not in text and " style=" not in text
    assert re.findall(r"https?://[^\"']+", text) == ["http://www.w3.org/2000/svg"]


def test_the_same_cell_is_drawn_the_same():
    assert svg(zoo.genotype("NASNet"), "x") == svg(zoo.genotype("NASNet"), "x")
