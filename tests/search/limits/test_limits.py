"""Limits: their text, the figures of candidates, spaces within them, and limits nobody meets."""

import io
import itertools
import random

import pytest
import torch

from search.limits.feasible import anchor
from search.limits.figures import figures_of
from search.limits.limit import COUNTS, SIZES, TIMES, Limit, read_limits
from search.limits.measured import Measured
from search.limits.measures import CandidateNetwork, measure, units
from search.limits.space import LimitedSpace
from search.limits.sums import EdgeSum
from search.spaces.hierarchical import HierarchicalSpace
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import ConvSpace, RecurrentSpace
from search.strategies import reinforce
from search.strategies.evolution import Evolution, EvolutionSettings
from search.strategies.reinforce import Reinforce, ReinforceSettings
from tests.search.strategies.test_strategies import MAKE, Toy, run
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS, NasBench201Genotype
from zoo.genotypes.serialization import from_dict
from zoo.latency.profile import Entry, Profile, measured_operations
from zoo.latency.sizes import Sizes

IMAGES = {"channels": 4, "num_classes": 10, "in_channels": 1}
#: A space, the network of its candidates, and the names of the figures that they have.
SPACES = {
    "conv": (ConvSpace(), CandidateNetwork(
        "conv", "cifar", IMAGES | {"layers": 3}, (1, 8, 8))),
    "nasbench201": (NasBench201Space(), CandidateNetwork(
        "nasbench201", "nasbench201", IMAGES | {"layers": 3}, (1, 8, 8))),
    "hierarchical": (HierarchicalSpace(mutations=50), CandidateNetwork(
        "hierarchical", "cifar", IMAGES | {"layers": 3}, (1, 8, 8))),
    "recurrent": (RecurrentSpace(), CandidateNetwork(
        "recurrent", "language", {"vocabulary": 30, "embedding": 8, "hidden": 8}, None)),
}


def profile(kind, **changes):
    """A profile of the candidates' network above, with made-up milliseconds."""
    sizes = Sizes(kind=kind, channels=4, layers=3, size=8, classes=10, in_channels=1)
    pairs = itertools.product(measured_operations(kind), sizes.shapes())
    values = {"runtime": "litert", "backend": "wasm", "threads": 1, "machine": "x86-64", "runs": 9,
              "network": sizes, "rest": 0.5, "entries": tuple(
                  Entry(operation=name, channels=shape.channels, size=shape.size,
                        stride=shape.stride, ms=0.125 * (number % 7))
                  for number, (name, shape) in enumerate(pairs))}
    return Profile(**values | changes)


def count_of(operation):
    """The number of edges with an operation, a figure without a network."""
    return lambda genotype: float(sum(
        name == operation for cell in genotype.cells().values() for name, _ in cell.edges))


# --- the text -------------------------------------------------------------------------------


@pytest.mark.parametrize("text, value, known", [
    ("params<=50k", 50_000, COUNTS), ("params >= 1.5M", 1.5e6, COUNTS), ("params<=7", 7, COUNTS),
    ("bytes<=500kB", 500_000, SIZES), ("bytes<=2KiB", 2048, SIZES), ("x<=-1e3", -1000, {}),
    ("latency:litert:wasm<=5ms", 5, TIMES), ("latency:node<=250us", 0.25, TIMES),
    ("latency:node<=1.5 s", 1500, TIMES)])
def test_a_limit_is_read_in_the_unit_of_its_measure_and_stored_as_given(text, value, known):
    limit = Limit.read(text, lambda name: known)
    assert limit.value == value
    assert Limit.read(str(limit), lambda name: known) == limit
    assert limit.met_by(value) and not limit.met_by(float("nan"))
    assert limit.met_by(value - 1) is (limit.sign == "<=")


def test_a_measure_without_a_value_is_an_objective():
    limits = read_limits(["latency:litert:wasm", "params<=50k", "params", "params"], units)
    assert limits.objectives == ("latency:litert:wasm", "params")
    assert limits.measures == ("latency:litert:wasm", "params") and len(limits.bounds) == 1
    assert read_limits(limits.texts, units) == limits and not read_limits([])


@pytest.mark.parametrize("text, message", [
    ("params<=5ms", "unknown unit 'ms'; params is in k, M or G"),
    ("bytes<=5k", "unknown unit 'k'; bytes is in B, kB, MB"),
    ("params=5", "--limit is MEASURE<=NUMBER"), ("params<=", "--limit is MEASURE<=NUMBER"),
    ("<=5", "--limit is MEASURE<=NUMBER"), ("params<=1e999", "--limit is MEASURE<=NUMBER"),
    ("", "--limit is MEASURE<=NUMBER"),
    ("parms<=5", "unknown measure 'parms'; did you mean params"),
    ("latency<=5ms", "unknown measure 'latency'; .*latency:RUNTIME:BACKEND"),
    ("params:wasm<=5", "unknown measure 'params:wasm'")])
def test_other_text_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_limits([text], units)


# --- figures --------------------------------------------------------------------------------


@pytest.mark.parametrize("name, space", [
    (name, space) for name in ("params", "multiply-adds", "bytes", "latency:litert:wasm")
    for space in measure(name).sums])
def test_a_sum_over_edges_is_the_figure_of_the_network(name, space):
    cells, network = SPACES[space]
    known = profile(space) if space == "conv" else None
    plain = measure(name).figure(name, network, known)
    found = figures_of(read_limits([name], units), cells, network, known)[name]
    assert isinstance(found, EdgeSum)
    rng = random.Random(0)
    for _ in range(4):
        genotype = cells.sample(rng)
        assert found(genotype) == pytest.approx(plain(genotype), rel=1e-12)


@pytest.mark.parametrize("sign, pick", [("<=", min), (">=", max)])
@pytest.mark.parametrize("space", [
    ConvSpace(nodes=2, allowed=(
        (("skip_connect", "sep_conv_3x3"),) * 5, (("max_pool_3x3",),) * 5)),
    RecurrentSpace(nodes=2), NasBench201Space(nodes=2)], ids=["conv", "recurrent", "nasbench201"])
def test_the_extreme_of_a_sum_is_that_of_all_cells(space, sign, pick):
    terms = random.Random(space.kind)
    costs = {}

    def figure(genotype):
        first = 9 if space.kind == "nasbench201" else space.first
        return sum(costs.setdefault((place, source < first, name), terms.randrange(-50, 50))
                   for place, cell in enumerate(genotype.cells().values())
                   for name, source in cell.edges)

    everything = {space.decode(list(choices)) for choices in itertools.product(
        *map(range, space.decisions()))}
    total = EdgeSum(space, figure)
    assert all(total(genotype) == figure(genotype) for genotype in everything)
    assert total.extreme(sign) in space
    assert figure(total.extreme(sign)) == pick(map(figure, everything))


def test_latency_without_a_profile_says_how_to_measure_one():
    name, (space, network) = "latency:litert:wasm", SPACES["conv"]
    with pytest.raises(ValueError, match="`zoo profile --runtime litert:wasm --space conv "
                       "--channels 4 --layers 3 --size 8 --num-classes 10 --in-channels 1 -o "
                       "profile.json` and add --profile"):
        figures_of(read_limits([name], units), space, network, None)


@pytest.mark.parametrize("name, space, changes, message", [
    ("latency:litert:wasm", "conv", {"network": Sizes(
        kind="conv", channels=8, layers=3, size=8, classes=10, in_channels=1), "entries": ()},
     "holds for another network: channels is 8 there and 4 here; measure this one with `zoo"),
    ("latency:tfjs:wasm", "conv", {}, "the profile is of litert:wasm, not of tfjs:wasm"),
    ("latency:litert:wasm", "hierarchical", {}, "the conv or nasbench201 space, not for hier"),
    ("latency:litert:wasm", "recurrent", {}, "not for recurrent cells"),
    ("multiply-adds", "recurrent", {}, "multiply-adds applies to image networks only")])
def test_a_figure_that_the_network_lacks_is_refused(name, space, changes, message):
    cells, network = SPACES[space]
    with pytest.raises(ValueError, match=message):
        figures_of(read_limits([name], units), cells, network, profile("conv", **changes))


def test_the_backend_may_be_left_out():
    space, network = SPACES["nasbench201"]
    name, known = "latency:litert", profile("nasbench201")
    genotype = space.sample(random.Random(0))
    assert figures_of(read_limits([name]), space, network, known)[name](genotype) == (
        known.predict(genotype))


# --- spaces within limits -------------------------------------------------------------------


def within(space, bound, operation="skip_connect"):
    figures = {"edges": count_of(operation)}
    bounds = [Limit.read(f"edges{bound}")]
    return LimitedSpace(space, bounds, figures, anchor(space, bounds, figures))


@pytest.mark.parametrize("space, bound", [
    (ConvSpace(), "<=1"), (ConvSpace(), ">=16"), (NasBench201Space(), ">=6"),
    (RecurrentSpace(), "<=0")], ids=["common", "the only ones", "a single cell", "recurrent"])
def test_every_proposed_cell_is_within(space, bound):
    limited = within(space, bound, "tanh" if space.kind == "recurrent" else "skip_connect")
    rng = random.Random(0)
    cell = limited.sample(rng)
    for _ in range(5):
        assert cell in limited and cell in space
        assert all(near in limited for near in limited.neighbors(cell))
        cell = limited.mutate(rng, cell)


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_every_strategy_stays_within_and_resumes(make):
    def limited():
        strategy = make(Toy())
        operation = "max_pool_3x3" if strategy.space.kind == "hierarchical" else "skip_connect"
        strategy.space = within(strategy.space, "<=1", operation)
        return strategy, count_of(operation)

    whole, figure = limited()
    rows = run(whole)
    assert all(figure(from_dict(one["genotype"])) <= 1 for row in rows for one in row["candidates"])
    stopped, _ = limited()
    run(stopped, last=3)
    file = io.BytesIO()
    torch.save(stopped.state_dict(), file)
    file.seek(0)
    resumed, _ = limited()
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert rows[:3] + run(resumed, first=4) == rows


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_a_limit_that_every_cell_meets_changes_nothing(make):
    free, strategy = make(Toy()), make(Toy())
    strategy.space = LimitedSpace(strategy.space, [Limit.read("zero<=0")],
                                  {"zero": lambda genotype: 0.0}, None)
    assert run(strategy) == run(free)


def test_a_controller_that_finds_no_cell_within_says_so(monkeypatch):
    monkeypatch.setattr(reinforce, "_DRAWS", 20)
    space = within(ConvSpace(), ">=16")
    strategy = Reinforce(space, Toy(), ReinforceSettings(4, 2, hidden=4))
    with pytest.raises(ValueError, match="20 cells of the controller are beyond the limits"):
        strategy.epoch(1)


# --- objectives -----------------------------------------------------------------------------


def test_evolution_with_objectives_keeps_both_ends_of_the_front():
    toy = Toy()
    toy.measured = Measured({"skips": lambda genotype: -count_of("skip_connect")(genotype)},
                            ("skips",))
    strategy = Evolution(NasBench201Space(), toy, EvolutionSettings(
        160, 4, population=12, sample=2), 0)
    toy.favorite = "nor_conv_3x3"
    rows = run(strategy)
    tried = [one for row in rows for one in row["candidates"]]
    assert all(set(one["measures"]) == {"skips"} for one in tried)
    points = {(one["valid_accuracy"], one["measures"]["skips"]) for one in tried}
    assert (1.0, 0) in points and (0.0, -6) in points  # all convolutions, all skip connections
    front = {(-edges / 6, edges - 6) for edges in range(7)}
    assert {strategy.point(trial) for trial in strategy.population} >= front


def test_a_diverged_candidate_is_worse_than_any_other():
    toy = Toy(diverging=(1,))
    toy.measured = Measured({"skips": count_of("skip_connect")}, ("skips",))
    strategy = Evolution(ConvSpace(), toy, EvolutionSettings(8, 2, population=4, sample=2), 0)
    run(strategy)
    assert 1 not in [trial.number for trial in strategy.population]


# --- limits that nobody meets ---------------------------------------------------------------


@pytest.mark.parametrize("text, message", [
    ("params<=1k", r"no cell meets --limit params<=1k; the smallest figure is [\d.]+ k$"),
    ("params>=1M", "the largest figure is"),
    ("latency:litert:wasm<=100us", "no cell meets --limit latency.*; the smallest figure is"),
])
def test_a_limit_that_no_cell_meets_is_refused_with_the_nearest_figure(text, message):
    space, network = SPACES["conv"]
    limits = read_limits([text], units)
    figures = figures_of(limits, space, network, profile("conv"))
    with pytest.raises(ValueError, match=message) as refused:
        anchor(space, limits.bounds, figures)
    figure, *unit = str(refused.value).rsplit(" figure is ")[1].split()
    name, sign = limits.bounds[0].measure, limits.bounds[0].sign
    nearest = read_limits([f"{name}{sign}{figure}{''.join(unit)}"], units).bounds
    cell = anchor(space, nearest, figures)
    assert nearest[0].met_by(measure(name).figure(name, network, profile("conv"))(cell))


def test_the_nearest_figure_of_another_measure_is_the_best_found():
    cells = [NasBench201Genotype.of(*names)
             for names in itertools.product(NASBENCH201_OPERATIONS, repeat=3)]
    rng = random.Random(3)
    value = {cell: rng.randrange(1, 99) + 10 * count_of("none")(cell) for cell in cells}
    with pytest.raises(ValueError, match=f"the smallest figure found is {min(value.values()):g}$"):
        anchor(NasBench201Space(nodes=2), [Limit.read("x<=0")], {"x": value.__getitem__})


def test_limits_that_exclude_each_other_are_refused():
    figures = {"a": count_of("skip_connect"), "b": count_of("none")}
    with pytest.raises(ValueError, match="meets a>=4 and b>=4 at once; relax one"):
        anchor(NasBench201Space(), list(map(Limit.read, ["a>=4", "b>=4"])), figures)
    rare = list(map(Limit.read, ["a>=3", "b>=3"]))
    found = anchor(NasBench201Space(), rare, figures)
    assert found.operations.count("skip_connect") == found.operations.count("none") == 3
