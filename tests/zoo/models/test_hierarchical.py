"""Hierarchical genotypes: parsing, one-line errors, exact networks, costs, drawings."""

import itertools
import json
import pickle
import random
import xml.etree.ElementTree as ElementTree

import pytest
import torch
import torch.nn.functional as F
from typer.testing import CliRunner

import zoo
from zoo.cli import app
from zoo.create import create_model
from zoo.data.base import ImageData, Split
from zoo.data.images import load
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.hierarchical import PRIMITIVES, HierarchicalGenotype
from zoo.genotypes.reader import parse
from zoo.genotypes.serialization import from_dict, to_dict, to_json
from zoo.models.cost import cost
from zoo.plotting.cell import cell_graph, svg
from zoo.plotting.layout import PILL_HEIGHT, RADIUS, place
from zoo.recipes.image import Recipe
from zoo.training.classification import train
from zoo.weights import load_artifact

SIZES = {"paper": ((6, 4), (1, 5)), "flat": ((1, 7),), "four levels": ((3, 3), (2, 4), (1, 3))}


def drawn(seed, sizes=SIZES["paper"]):
    """A random genotype with `sizes` (motifs, nodes) at level 2, 3, ..., largely unconnected."""
    draw = random.Random(seed)
    while True:
        levels, names = [], list(PRIMITIVES)
        for motifs, nodes in sizes:
            levels.append([[["none" if draw.random() < 0.2 else draw.choice(names)
                             for _ in range(node)] for node in range(1, nodes)]
                           for _ in range(motifs)])
            names = ["none", *(f"motif_{number}" for number in range(1, motifs + 1))]
        try:
            return HierarchicalGenotype(levels)
        except GenotypeError as error:
            assert "no path of edges" in str(error)


ANY = [(name, seed) for name in SIZES for seed in range(8)]
any_genotype = pytest.mark.parametrize("size, seed", ANY)


def flat(*nodes):
    """A cell whose edges are operations."""
    return HierarchicalGenotype([[nodes]])


# --- printing and parsing -----------------------------------------------------------------


@any_genotype
def test_it_reads_back_from_every_form(size, seed):
    genotype = drawn(seed, SIZES[size])
    for again in (parse(str(genotype)), parse(to_json(genotype)), from_dict(to_dict(genotype)),
                  pickle.loads(pickle.dumps(genotype)), parse(f"MINE = {genotype}")):
        assert again == genotype and hash(again) == hash(genotype)
    assert json.loads(to_json(genotype)) == to_dict(genotype)
    assert to_dict(genotype)["kind"] == genotype.kind == "hierarchical"


def test_text_and_json_name_the_levels():
    genotype = HierarchicalGenotype([[[["identity"]], [["none"]]], [[["motif_1"]]]])
    assert str(genotype) == ("Genotype(level_2=[[['identity']], [['none']]], "
                             "level_3=[[['motif_1']]])")
    assert json.loads(to_json(genotype)) == {
        "kind": "hierarchical", "level_2": [[["identity"]], [["none"]]],
        "level_3": [[["motif_1"]]]}
    assert from_dict({"name": "MINE", "level_2": [[["identity"]]]}) == flat(["identity"])


def test_it_is_registered_listed_and_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "data"))
    genotype = drawn(1)
    zoo.register("MINE", genotype, source="a test")
    assert zoo.genotype("mine") == genotype
    assert zoo.list_cells(kind="hierarchical") == ["MINE"]
    assert "MINE" not in zoo.list_cells(kind="conv") + zoo.list_cells(kind="recurrent")
    (tmp_path / "mine.json").write_text(to_json(genotype))

    def run(*words):
        result = CliRunner().invoke(app, words)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    assert "MINE" in run("list", "--kind", "hierarchical")
    page = run("show", "MINE")
    assert "MINE: a hierarchical cell" in page and "zoo train MINE" in page
    assert parse(run("show", "MINE", "--text")) == genotype
    assert from_dict(json.loads(run("show", str(tmp_path / "mine.json"), "--json"))) == genotype
    run("plot", "MINE", "-o", str(tmp_path / "mine.svg"))
    assert (tmp_path / "mine.svg").read_text() == svg(genotype, "MINE")


# --- errors in one line ---------------------------------------------------------------------


@pytest.mark.parametrize("levels, message", [
    ([], "a hierarchical genotype needs a list of levels, level 2 first"),
    ([[]], "level 2: expected a non-empty list of motifs"),
    ([["identity"]], "level 2, motif 1: a motif is a list of its nodes after the input, each"),
    ([[[]]], "level 2, motif 1: has only an input node; add an output node"),
    ([[[["identity"], ["identity"]]]],
     "level 2, motif 1: node 2 has 1 edges; it needs 2, one from each earlier node"),
    ([[[["identity"]], [["sep_conv_3x3"]]], [[["motif_1"]]]],
     "level 2, motif 2, edge 0 -> 1: unknown operation 'sep_conv_3x3'; did you mean "
     "sep_conv_3x3_relu? there are none, identity, conv_1x1_relu, dep_conv_3x3_relu, "
     "sep_conv_3x3_relu, max_pool_3x3, avg_pool_3x3"),
    ([[[["identity"]]], [[["motif_1"], ["none", "motif_2"]]]],
     "level 3, motif 1, edge 1 -> 2: unknown operation 'motif_2'; did you mean motif_1? "
     "there are none, motif_1"),
    ([[[[["identity"]]]]], "level 2, motif 1, edge 0 -> 1: unknown operation ['identity']; "),
    ([[[["identity"]], [["identity"]]]], "level 2: has 2 motifs; the highest level has one"),
    ([[[["identity"], ["none", "none"]]]], "level 2, motif 1: no path of edges leads from the "
     "cell's input to its output; replace a 'none' by an operation"),
    ([[[["none"]]], [[["motif_1"]]]], "level 3, motif 1: no path of edges"),
])
def test_it_names_level_motif_and_edge(levels, message):
    with pytest.raises(GenotypeError) as caught:
        HierarchicalGenotype(levels)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text, message", [
    ("Genotype(level_2=[[['identity']]], level_4=[[['motif_1']]])", "without gaps"),
    ("Genotype(level_2=[[['identity']]], concat=[1])", "found the fields level_2, concat"),
    ("Genotype(level_2=7)", "level 2: expected a non-empty list"),
    ('{"kind": "hierarchical"}', "found the fields none"),
    ('{"level_2": [{"edges": []}]}', "level 2, motif 1: a motif is a list of its nodes"),
])
def test_text_and_json_without_one_are_refused(text, message):
    with pytest.raises(GenotypeError, match=message):
        parse(text)


def test_unsupported_networks_are_refused():
    for network in "imagenet", "language":
        with pytest.raises(ValueError, match=f"hierarchical genotype has no {network} network"):
            create_model(flat(["identity"]), network=network)
    with pytest.raises(ValueError, match="the cifar network has no setting 'hidden'"):
        create_model(flat(["identity"]), hidden=3)


# --- methods for searches -------------------------------------------------------------------


def test_one_edge_is_changed_and_all_else_kept():
    genotype = drawn(2)
    sites = list(genotype.edges())
    assert len(sites) == 6 * 6 + 10
    level, motif, source, target = sites[7]
    assert (level, motif, source, target) == (2, 2, 0, 2)
    changed = genotype.with_operation(level, motif, source, target, "identity")
    assert changed.operation(level, motif, source, target) == "identity"
    assert all(changed.operation(*site) == genotype.operation(*site) for site in sites
               if site != sites[7])
    assert genotype == drawn(2)
    assert genotype.with_operation(*sites[-1], "none").allowed(3) == (
        "none", "motif_1", "motif_2", "motif_3", "motif_4", "motif_5", "motif_6")
    with pytest.raises(GenotypeError, match="level 3, motif 1, edge 3 -> 4: unknown"):
        genotype.with_operation(*sites[-1], "motif_7")


def test_dead_edges_are_not_built():
    genotype = flat(["none"], ["identity", "max_pool_3x3"], ["max_pool_3x3", "none", "none"],
                    ["none", "conv_1x1_relu", "identity", "none"])
    assert genotype.live_edges(2, 1) == ((0, 2, "identity"), (2, 4, "identity"))


def test_a_motif_without_a_path_equals_none():
    dead, live = [["identity"], ["none", "none"]], [["identity"], ["none", "identity"]]
    genotype = HierarchicalGenotype([[dead, live], [[["motif_1"], ["motif_2", "motif_2"]]]])
    assert genotype.live_edges(2, 1) == ()
    assert genotype.live_edges(3, 1) == ((0, 2, "motif_2"),)
    assert genotype.used() == {(3, 1), (2, 2)}


def paths(genotype, level, number):
    """The edges of all paths from a motif's input to its output, by enumeration."""
    motif, found = genotype.motif(level, number), set()
    last = len(motif) - 1
    for count in range(last):
        for between in itertools.combinations(range(1, last), count):
            steps = list(itertools.pairwise((0, *between, last)))
            names = [motif.nodes[j - 1][i] for i, j in steps]
            if all(name != "none" and (level == 2 or paths(genotype, level - 1, int(name[6:])))
                   for name in names):
                found |= {(i, j, name) for (i, j), name in zip(steps, names)}
    return found


@any_genotype
def test_live_edges_are_those_of_all_paths(size, seed):
    genotype = drawn(seed, SIZES[size])
    for level, motifs in enumerate(genotype.levels, start=2):
        for number in range(1, len(motifs) + 1):
            live = genotype.live_edges(level, number)
            assert set(live) == paths(genotype, level, number)
            assert list(live) == sorted(live, key=lambda edge: (edge[1], edge[0]))


# --- the network as in the paper ------------------------------------------------------------


def weighed(model, seed=0):
    """`model` in float64 with weights and statistics that make every layer matter."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.double().state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=draw, dtype=value.dtype)
                            - (0 if name.endswith("running_var") else 0.3))
    return model.eval()


class Naive:
    """The network computed from its state dict and the genotype, without the zoo's modules."""

    def __init__(self, model):
        self.state, self.genotype = model.state_dict(), model.genotype

    def norm(self, x, name):
        mean, var, weight, bias = (self.state[f"{name}.{key}"] for key in (
            "running_mean", "running_var", "weight", "bias"))
        return torch.relu((x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
                          * weight[:, None, None] + bias[:, None, None])

    def conv(self, x, name, index=0, **settings):
        weight = self.state[f"{name}.{index}.weight"]
        settings |= {"groups": x.shape[1]} if settings.pop("depthwise", False) else {}
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2, **settings)

    def separable(self, x, name, stride=1):
        x = self.conv(x, name, depthwise=True, stride=stride)
        return self.norm(self.conv(x, name, 1), f"{name}.2")

    def primitive(self, operation, x, name):
        if operation == "conv_1x1_relu":
            return self.norm(self.conv(x, name), f"{name}.1")
        if operation == "dep_conv_3x3_relu":
            return self.norm(self.conv(x, name, depthwise=True), f"{name}.1")
        if operation == "sep_conv_3x3_relu":
            return self.separable(x, name)
        if operation == "max_pool_3x3":
            return F.max_pool2d(x, 3, 1, 1)
        if operation == "avg_pool_3x3":
            counted = F.avg_pool2d(torch.ones_like(x), 3, 1, 1)
            return F.avg_pool2d(x, 3, 1, 1) / counted
        assert operation == "identity"
        return x

    def motif(self, level, number, x, name):
        nodes = {0: x}
        order = sorted(paths(self.genotype, level, number), key=lambda edge: (edge[1], edge[0]))
        for index, (source, target, operation) in enumerate(order):
            place = f"{name}.ops.{index}"
            term = (self.primitive(operation, nodes[source], place) if level == 2 else
                    self.motif(level - 1, int(operation[6:]), nodes[source], place))
            nodes[target] = torch.cat([nodes[target], term], 1) if target in nodes else term
        output = nodes[max(nodes)]
        if level == self.genotype.height:
            return output
        return self.norm(self.conv(output, f"{name}.narrow"), f"{name}.narrow.1")

    def network(self, images, strides):
        x = self.norm(self.conv(images, "stem"), "stem.1")
        for index, stride in enumerate(strides):
            x = self.motif(self.genotype.height, 1, x, f"cells.{index}")
            x = self.separable(x, f"connections.{index}", stride)
        return F.linear(x.mean((2, 3)), *(self.state[f"classifier.{key}"]
                                          for key in ("weight", "bias")))


@any_genotype
def test_the_network_is_exact(size, seed):
    genotype = drawn(seed, SIZES[size])
    model = weighed(create_model(genotype, channels=3, layers=3, num_classes=4, in_channels=2))
    images = torch.randn(2, 2, 9, 8, dtype=torch.float64, generator=torch.Generator())
    with torch.no_grad():
        wanted = Naive(model).network(images, (2, 2, 1))
        torch.testing.assert_close(model(images), wanted, rtol=1e-12, atol=1e-12)
    model(images).sum().backward()
    assert all(value.grad is not None for value in model.parameters()), "a weight without effect"


@pytest.mark.parametrize("layers, strides", [(1, [1]), (2, [2, 1]), (3, [2, 2, 1]),
                                             (6, [1, 2, 1, 2, 1, 1]),
                                             (8, [1, 2, 1, 1, 2, 1, 1, 1])])
def test_two_connections_halve_the_size_and_double_the_width(layers, strides):
    model = create_model(flat(["identity"]), channels=4, layers=layers, auxiliary=True)
    assert [connection[0].stride[0] for connection in model.connections] == strides
    widths = [4 * 2 ** sum(stride == 2 for stride in strides[:number + 1])
              for number in range(layers)]
    assert [connection[1].out_channels for connection in model.connections] == widths
    images = torch.zeros(2, 3, 16, 16)
    assert [logits.shape for logits in model.train()(images)] == [(2, 10), (2, 10)]
    assert model.eval()(images).shape == (2, 10)


def test_default_sizes_are_those_of_the_large_model():
    with torch.device("meta"):
        model = create_model(flat(["identity"]))
    assert model.settings == {"channels": 64, "layers": 6, "num_classes": 10, "in_channels": 3}


def test_drop_path_spares_identities():
    images = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    plain = create_model(flat(["identity"]), channels=4, layers=3).train()
    wanted = plain(images)
    plain.set_drop_path(0.9)
    torch.testing.assert_close(plain(images), wanted)

    pooled = create_model(flat(["max_pool_3x3"]), channels=4, layers=3, drop_path=0.9).train()
    torch.manual_seed(0)
    states = pooled.cells[0](torch.ones(64, 4, 6, 6)).amax((1, 2, 3))
    assert states.unique().tolist() == pytest.approx([0.0, 10.0])
    assert pooled.eval().cells[0](torch.ones(2, 4, 6, 6)).unique().tolist() == [1.0]


def test_it_learns_and_writes_an_artifact(tmp_path):
    data = load("digits")
    few = ImageData("digits", Split(data.train.images[:49], data.train.labels[:49]),
                    Split(data.test.images[:20], data.test.labels[:20]),
                    data.labels, data.mean, data.std)
    genotype = HierarchicalGenotype([[[["sep_conv_3x3_relu"]]], [[["motif_1"]]]])
    recipe = Recipe(channels=4, layers=3, epochs=2, batch_size=16, drop_path=0.2)
    manifest = train("MINE", few, recipe, tmp_path / "run", genotype=genotype, device="cpu")
    assert manifest.trained and manifest.network.layers == 3
    model, _ = load_artifact(tmp_path / "run")
    assert model.genotype == genotype


# --- cost -----------------------------------------------------------------------------------


def test_cost_is_that_of_a_calculation_by_hand():
    """One cell of C = 4: node 1 = 1x1 convolution of 0, output = node 1 and a depthwise of 0."""
    genotype = flat(["conv_1x1_relu"], ["dep_conv_3x3_relu", "identity"])
    found = cost(create_model(genotype, channels=4, layers=1, num_classes=5), (3, 8, 8))
    filters = 27 * 4 + 4 * 4 + 9 * 4 + (9 * 8 + 8 * 4)
    norms = 2 * (4 + 4 + 4 + 4)
    assert found.parameters == filters + norms + 4 * 5 + 5
    assert found.multiply_adds == filters * 8 * 8 + 4 * 5


# The cell found in the paper, read from the drawings in its appendix (one edge of motif 5 is not
# clear there).
_OPERATIONS = {"i": "identity", "c": "conv_1x1_relu", "d": "dep_conv_3x3_relu",
               "s": "sep_conv_3x3_relu", "m": "max_pool_3x3", "a": "avg_pool_3x3"}
APPENDIX = HierarchicalGenotype([
    [[[_OPERATIONS[letter] for letter in node] for node in motif.split()]
     for motif in ("m cd scm", "m dd css", "s ds sia", "a ss ima", "i si sis", "d mm sia")],
    [[[f"motif_{number}" for number in node] for node in ("5", "33", "313", "4555")]],
])


def test_the_large_model_has_as_many_parameters_as_the_paper_reports():
    """15.7 million, also in table 1 of Liu et al. 2019 (DARTS)."""
    with torch.device("meta"):
        model = create_model(APPENDIX, channels=64, layers=6)
    assert round(cost(model, (3, 32, 32)).parameters / 1e6, 1) == 15.7


# --- the drawing ----------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


@any_genotype
def test_every_motif_and_edge_is_drawn_and_nothing_covers_anything(size, seed):
    genotype = drawn(seed, SIZES[size])
    root = ElementTree.fromstring(svg(genotype, "MINE"))
    labels = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    used = {genotype.title(*motif) for motif in genotype.used()}
    assert {label.removesuffix(", not used") for label in labels} >= genotype.cells().keys()
    assert {label for label in labels if label in genotype.cells()} >= used
    for name, cell in genotype.cells().items():
        assert (f"{name}, not used" in labels) == (name not in used)
        layout = place(*cell_graph(cell, "hierarchical"))
        assert sorted(pill.operation for pill in layout.pills) == sorted(
            operation for operation, _ in cell.edges)
        boxes = [(p.x - p.width / 2, p.x + p.width / 2, p.y - PILL_HEIGHT / 2,
                  p.y + PILL_HEIGHT / 2) for p in layout.pills]
        boxes += [(x - RADIUS, x + RADIUS, y - RADIUS, y + RADIUS)
                  for x, y in layout.nodes.values()]
        for (a, b, c, d), (e, f, g, h) in itertools.combinations(boxes, 2):
            assert b <= e or f <= a or d <= g or h <= c


def test_drawings_of_motifs_do_not_overlap():
    genotype = drawn(1)
    root = ElementTree.fromstring(svg(genotype, "MINE"))
    boxes = []
    for group, cell in zip((g for g in root.iter(f"{SVG}g") if g.get("transform")),
                           genotype.cells().values()):
        x, y = map(float, group.get("transform")[10:-1].split())
        layout = place(*cell_graph(cell, "hierarchical"))
        boxes.append((x, x + layout.width, y, y + layout.height))
    assert len(boxes) == 7
    for (a, b, c, d), (e, f, g, h) in itertools.combinations(boxes, 2):
        assert b < e or f < a or d < g or h < c
    assert max(box[1] for box in boxes) < float(root.get("width"))
    assert max(box[3] for box in boxes) < float(root.get("height"))


def test_the_description_lists_the_edges():
    genotype = HierarchicalGenotype([[[["identity"], ["max_pool_3x3", "none"]]],
                                     [[["motif_1"], ["none", "motif_1"]]]])
    description = ElementTree.fromstring(svg(genotype, "MINE")).find(f"{SVG}desc").text
    assert description == (
        "cell: node 1 = motif_1 of 0; node 2 = motif_1 of 1, each a concatenation; output = 2. "
        "motif_1: node 1 = identity of 0; node 2 = max_pool_3x3 of 0, each a concatenation; "
        "output = conv_1x1_relu of 2.")
