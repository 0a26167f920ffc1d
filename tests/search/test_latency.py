"""Expected latency as a term of the alphas' loss: its equation, its effect, and its profile."""

import json
import math
import random

import pytest
import torch
from typer.testing import CliRunner

from search import runner
from search.cli import app
from search.config import RunConfig, SearchOptions, plan
from search.spaces.discretize import one_hot, operations
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import ConvSpace
from search.strategies import STRATEGIES as TABLE
from search.supernets.conv import Supernet
from search.supernets.conv_fused import MergedCell
from search.supernets.latency import edge_costs, expected_latency
from search.supernets.nasbench201 import EdgeSupernet
from tests.search.small_data import TINY, digits_folder
from tests.search.strategies.test_one_shot import make, row_of, stored
from zoo.genotypes.serialization import from_dict
from zoo.latency.profile import Entry, Profile, measured_operations
from zoo.latency.sizes import Sizes

CPU = torch.device("cpu")
SPACES = {"conv": (ConvSpace(), lambda: Supernet(MergedCell, 4, 3)),
          "nasbench201": (NasBench201Space(), lambda: EdgeSupernet(4, 3))}
#: Those that train alphas on images.
GRADIENT = [name for name, entry in TABLE.items()
            if entry.shares_weights and "latency_weight" not in entry.unused]


def profile_of(kind="conv", **sizes):
    """A profile of random milliseconds; the cheapest operation depends on the shape."""
    network = Sizes(**{"kind": kind, "channels": 16, "layers": 8, "size": 8, "classes": 10,
                       "in_channels": 1} | sizes)
    draw = random.Random(0)
    entries = tuple(Entry(operation=name, channels=shape.channels, size=shape.size,
                          stride=shape.stride, ms=draw.uniform(0.1, 2))
                    for shape in network.shapes() for name in measured_operations(kind))
    return Profile(runtime="tfjs", backend="wasm", threads=1, machine="", runs=1, network=network,
                   rest=1.5, entries=entries)


def with_costs(name, space="conv", weight=1.0, seed=0, dtype=torch.float32, **changes):
    strategy = make(name, space, seed, dtype, latency_weight=weight, **changes)
    strategy.task.costs = edge_costs(profile_of(space), operations(space), CPU)
    return strategy


# --- the equation -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SPACES)
def test_the_edges_of_a_cell_add_up_to_its_predicted_latency(kind):
    profile = profile_of(kind)
    costs = edge_costs(profile, operations(kind), CPU)
    space, network = SPACES[kind]
    draw, alphas = random.Random(1), network().double().alphas
    for _ in range(5):
        cell = space.sample(draw)
        if kind == "nasbench201":  # a profile leaves out unused edges and repeated pools
            cell = type(cell).of(*(name if name not in ("none", "avg_pool_3x3") else "skip_connect"
                                   for name in cell.operations[:-1]), "avg_pool_3x3")
        found = expected_latency(one_hot(cell, alphas), costs).item()
        assert found + profile.rest == pytest.approx(profile.predict(cell))


@pytest.mark.parametrize("kind", SPACES)
def test_the_gradient_is_that_of_the_equation(kind):
    """E = sum of p * cost with p = softmax(alpha), so dE / d alpha = p * (cost - E of its edge)."""
    torch.manual_seed(0)
    network = SPACES[kind][1]().double()
    costs = edge_costs(profile_of(kind), operations(kind), CPU)
    with torch.no_grad():
        for table in network.alphas.values():
            table.normal_()
    latency = expected_latency(network.mixing(), costs)
    wanted = 0.0
    for name, gradient in zip(network.alphas, torch.autograd.grad(
            latency, list(network.alphas.values()))):
        for alphas, prices, slope in zip(network.alphas[name].tolist(), costs[name].tolist(),
                                         gradient.tolist()):
            powers = [math.exp(alpha) for alpha in alphas]
            shares = [power / sum(powers) for power in powers]
            of_edge = sum(share * price for share, price in zip(shares, prices))
            wanted += of_edge
            assert slope == pytest.approx([share * (price - of_edge) for share, price
                                           in zip(shares, prices)], abs=1e-12)
    assert latency.item() == pytest.approx(wanted)


def test_an_edge_weight_of_pc_darts_multiplies():
    strategy = with_costs("pc-darts", dtype=torch.float64)
    costs, alphas = strategy.task.costs, strategy.network.alphas
    wanted = sum((alphas[name].softmax(-1) * costs[name]).sum(-1)[rows].dot(
        alphas[f"{name}_edges"][rows].softmax(0).to(costs[name]))
        for name in ("normal", "reduce")
        for rows in (slice(0, 2), slice(2, 5), slice(5, 9), slice(9, 14)))
    assert expected_latency(strategy.mixing(), costs).item() == pytest.approx(
        wanted.item(), rel=1e-6)
    assert all(table.any() for table in torch.autograd.grad(
        strategy.added_loss(), list(alphas.values())))


@pytest.mark.parametrize("name", GRADIENT)
def test_the_alpha_loss_adds_it_to_the_regularizer(name):
    plain, weighted = with_costs(name, weight=0.0), with_costs(name, weight=3.0)
    for one in (plain, weighted):
        one.schedule(2)
    before, after = plain.added_loss(), weighted.added_loss()
    added = after - (0 if before is None else before)
    assert added.item() == pytest.approx(3 * expected_latency(
        weighted.mixing(), weighted.task.costs).item(), rel=1e-5)


# --- searches -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["darts", "darts-2", "pc-darts"])
def test_a_weight_of_0_changes_no_bit(name):
    plain, priced = make(name), with_costs(name, weight=0.0)
    for number in (1, 2):
        row, other = row_of(plain, number), row_of(priced, number)
        assert other.pop("expected_latency") > 0
        assert other == row


@pytest.mark.parametrize("name, space", [("darts", "conv"), ("pc-darts", "conv"), ("gdas", "conv"),
                                         ("darts", "nasbench201")])
def test_a_large_weight_leads_to_the_cheapest_operations(name, space):
    strategy = with_costs(name, space, weight=100.0, epochs=5, warm_up=0, alpha_learning_rate=0.2,
                          alpha_weight_decay=0.0)
    rows = [row_of(strategy, number) for number in range(1, 6)]
    latencies = [row["expected_latency"] for row in rows]
    assert latencies == sorted(latencies, reverse=True) and latencies[-1] < latencies[0] / 2
    cell = from_dict(rows[-1]["genotype"])
    chosen = one_hot(cell, strategy.mixing())
    first = 0 if space == "nasbench201" else 1  # other spaces exclude `none`
    for table, costs in strategy.task.costs.items():
        used = chosen[table].sum(-1) > 0
        cheapest = costs[:, first:].argmin(-1) + first
        assert torch.equal(chosen[table].argmax(-1)[used], cheapest[used])


@pytest.mark.parametrize("name", ["darts-2", "pc-darts"])
def test_a_resumed_search_continues_bit_by_bit(name):
    strategy = with_costs(name, weight=0.5)
    strategy.epoch(1)
    resumed = with_costs(name, weight=0.5)
    resumed.load_state_dict(stored(strategy.state_dict()))
    row = row_of(strategy, 2)
    assert row_of(resumed, 2) == row and row["expected_latency"] > 0


# --- the profile of a run -----------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch, no_estimate):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "zoo"))
    monkeypatch.chdir(tmp_path)
    digits_folder(tmp_path / "images")
    profile_of(classes=4).write(tmp_path / "profile.json")
    return tmp_path


WORDS = ["run", "--data", "folder", "--path", "images", "--device", "cpu", *TINY]
LATENCY = ["--profile", "profile.json", "--latency-weight", "0.5"]


def search(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.output


def test_an_interrupted_search_with_a_profile_resumes_bit_by_bit(here):
    search(*WORDS, *LATENCY, "--threads", "1", "-o", "whole")
    config = json.loads((here / "whole/config.json").read_bytes())
    assert config["profile"] == str(here / "profile.json") and len(config["profile_sha256"]) == 64

    def interrupt(what, value):
        if what == "row":
            raise KeyboardInterrupt

    started = RunConfig.read(config)
    runner.start(here / "killed", started)
    with pytest.raises(KeyboardInterrupt):
        runner.run(here / "killed", on_event=interrupt)
    profile = (here / "profile.json").read_bytes()
    (here / "profile.json").write_bytes(profile.replace(b"wasm", b"webgl"))
    assert "profile.json has changed since this search was started; restore it, or" in search(
        "resume", "killed", code=1)
    (here / "profile.json").write_bytes(profile)
    search("resume", "killed")
    assert (here / "killed/history.jsonl").read_bytes() == (
        here / "whole/history.jsonl").read_bytes()
    plain, _ = plan(SearchOptions(data="folder", path=here / "images", preset="quick"))
    assert plain.profile is None and plain.digest != started.digest
    # Another strategy drops the profile together with the settings.
    search("run", "--config", "whole/config.json", "--strategy", "random-ws", "--epochs", 1,
           *TINY[:4], "-o", "other")
    other = json.loads((here / "other/config.json").read_bytes())
    assert other["profile"] is None and other["profile_sha256"] is None


@pytest.mark.parametrize("words, message", [
    (["--latency-weight", "0.5"], "--latency-weight needs the latency of every operation"),
    (["--profile", "profile.json"], "--profile is for --latency-weight; add it, or"),
    ([*LATENCY[:3], "-1"], "latency_weight must be at least 0, not -1.0"),
    ([*LATENCY, "--strategy", "random"], "--latency-weight is a setting of darts, pc-darts"),
    ([*LATENCY, "--strategy", "enas"], "not of enas on the conv space"),
    ([*LATENCY, "--operations", "s4"], "a latency profile does not know noise, which --operations"),
    ([*LATENCY, "--space", "nasbench201"], "another network: the space is conv there and"),
    (["--profile", "images/none.json", "--latency-weight", "1"], "none.json"),
    (["--profile", "ten.json", "--latency-weight", "1"],
     "the number of classes is 10 there and 4 here; measure this one with `zoo profile"),
])
def test_a_profile_that_does_not_fit(here, words, message):
    profile_of().write(here / "ten.json")
    output = search(*WORDS, *words, code=1)
    assert message in " ".join(output.split())
    assert not (here / "runs").exists()


def test_a_recurrent_cell_has_no_latency():
    with pytest.raises(ValueError, match="a setting of darts on the conv space, not of darts on"):
        plan(SearchOptions(space="recurrent", changes={"latency_weight": 1.0}))
