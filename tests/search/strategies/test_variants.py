"""The strategies derived from DARTS: their equations, schedules and settings, on tiny tensors."""

import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from search.settings import ConvSettings, SupernetSettings, extended
from search.spaces.discretize import CONV_OPERATIONS, discretize, edges
from search.strategies import STRATEGIES
from search.strategies.beta_darts import beta_decay
from search.strategies.drnas import concentration, divergence, draw, shares
from search.strategies.fair_darts import fair, zero_one_loss
from search.strategies.p_darts import PDartsSettings, limited, strongest
from search.strategies.perturbation import Perturbation, without
from search.strategies.sdarts import perturbed
from search.supernets.base import FORBIDDEN
from search.supernets.bilevel import Bilevel
from search.supernets.conv import Supernet
from search.supernets.conv_fused import MergedCell
from search.supernets.conv_reference import PlainCell
from search.supernets.nasbench201 import EdgeSupernet

SKIP = CONV_OPERATIONS.index("skip_connect")


def tables(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {f"table_{number}": torch.randn(shape, generator=generator, dtype=torch.float64,
                                           requires_grad=True)
            for number, shape in enumerate(shapes)}


# --- allowed operations -------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: Supernet(MergedCell, 2, 3, 3, 1),
                                  lambda: EdgeSupernet(2, 3, 3, 1)])
def test_operations_that_are_not_allowed_have_weight_0_and_no_gradient(make):
    torch.manual_seed(0)
    network = make().double()
    plain = network.mixing()
    assert all(torch.equal(plain[name], table.softmax(-1))
               for name, table in network.alphas.items())
    name, table = next(iter(network.alphas.items()))
    masks = {other: torch.ones_like(alphas, dtype=torch.bool)
             for other, alphas in network.alphas.items()}
    masks[name][1, [0, 2]] = masks[name][2] = False  # edge 2 has no operation at all
    network.restrict(masks)
    mixing = network.mixing()[name]
    left = [column for column in range(table.shape[1]) if column not in (0, 2)]
    assert torch.allclose(mixing[1, left], table[1, left].softmax(-1))
    assert not mixing[1, [0, 2]].any() and not mixing[2].any()
    assert network.masked_alphas()[name][1, 0] == FORBIDDEN
    batch = torch.randn(4, 1, 8, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    gradient, = torch.autograd.grad(network.loss(batch, network.mixing()).loss, table)
    assert gradient.isfinite().all() and gradient[1, left].any()
    assert not gradient[1, [0, 2]].any() and not gradient[2].any()


def test_the_second_order_ignores_weights_that_no_edge_uses():
    torch.manual_seed(0)
    network = Supernet(MergedCell, 2, 3, 3, 1).double()
    for allowed in network.allowed.values():
        allowed[:] = False
        allowed[:, [SKIP, CONV_OPERATIONS.index("sep_conv_3x3")]] = True
    bilevel = Bilevel(network, torch.optim.SGD(network.parameters(), 0.1, 0.9),
                      torch.optim.Adam(network.alphas.values(), 0.1), order=2)
    batch = torch.randn(4, 1, 8, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    before = network.alphas["normal"].detach().clone()
    bilevel.step(batch, batch)
    moved = (network.alphas["normal"].detach() - before).abs() > 0
    assert torch.equal(moved, network.allowed["normal"])


@pytest.mark.parametrize("order", [1, 2])
def test_a_regularizer_adds_its_gradient(order):
    torch.manual_seed(0)
    network = Supernet(MergedCell, 2, 3, 3, 1).double()
    batch = torch.randn(4, 1, 4, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    steps = []
    for regularizer in (lambda: None, lambda: network.alphas["normal"].square().sum()):
        alphas = torch.optim.SGD(network.alphas.values(), 0.0)
        Bilevel(network, torch.optim.SGD(network.parameters(), 0.1), alphas, order,
                regularizer=regularizer).alpha_step(batch, batch)
        steps.append({name: table.grad.clone() for name, table in network.alphas.items()})
    plain, regularized = steps
    assert torch.allclose(regularized["normal"], plain["normal"] + 2 * network.alphas["normal"])
    assert torch.equal(regularized["reduce"], plain["reduce"])


# --- the equations ------------------------------------------------------------------------------


def test_beta_decay_is_the_mean_of_log_sum_exp():
    found = tables((3, 4), (2, 4))
    rows = [row for table in found.values() for row in table.tolist()]
    wanted = sum(math.log(sum(map(math.exp, row))) for row in rows) / 5
    assert beta_decay(found).item() == pytest.approx(wanted)
    # Its gradient is the softmax, so the strongest operation shrinks the most.
    gradient, = torch.autograd.grad(beta_decay(found), found["table_0"])
    assert torch.allclose(gradient, found["table_0"].softmax(-1) / 5)
    assert torch.autograd.gradcheck(lambda *t: beta_decay(dict(enumerate(t))),
                                    tuple(found.values()))


def test_the_zero_one_loss():
    table = tables((3, 4))["table_0"]
    values = [1 / (1 + math.exp(-x)) for x in table.flatten().tolist()]
    wanted = -sum((value - 0.5) ** 2 for value in values) / 12
    assert zero_one_loss([table]).item() == pytest.approx(wanted)
    assert zero_one_loss([torch.zeros(2)]) == 0
    assert zero_one_loss([torch.tensor([99.0, -99.0])]) == -0.25
    assert torch.autograd.gradcheck(lambda t: zero_one_loss([t]), (table,))


def test_sigmoids_do_not_compete():
    table = tables((3, 4))["table_0"]
    found = fair(table)
    assert torch.equal(found[:, 1:], table[:, 1:].sigmoid()) and (found[:, 0] == 0.5).all()
    gradient, = torch.autograd.grad(found[0, 2], table)
    assert gradient.count_nonzero() == 1


def test_an_edge_of_nasbench201_is_none_if_nothing_is_above_one_half():
    table = torch.full((6, 5), -1.0)
    table[0, 3] = 1.0
    assert str(discretize({"cell": fair(table)})) == (
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|")


def test_perturbed_weights():
    torch.manual_seed(0)
    table = torch.randn(500, 8, dtype=torch.float64).softmax(-1)
    everything = torch.ones_like(table, dtype=torch.bool)
    torch.manual_seed(1)
    found = perturbed(table, 0.1, everything)
    torch.manual_seed(1)
    noise = torch.empty_like(table).uniform_(-0.1, 0.1)
    wanted = [[min(max(value, 0.0), 1.0) for value in row] for row in (table + noise).tolist()]
    wanted = torch.tensor([[value / sum(row) for value in row] for row in wanted]).double()
    assert torch.allclose(found, wanted)
    assert noise.abs().max() <= 0.1 and noise.abs().max() > 0.09


def test_an_edge_without_positive_weights_keeps_its_largest_operation():
    table = torch.full((200, 4), 0.25, dtype=torch.float64)
    everything = torch.ones_like(table, dtype=torch.bool)
    everything[:, 3] = False
    torch.manual_seed(0)
    found = perturbed(table, 1.0, everything)
    torch.manual_seed(0)
    noisy = (table + torch.empty_like(table).uniform_(-1, 1))[:, :3]
    below = (noisy <= 0).all(1)
    assert below.sum() > 5
    assert found[below].argmax(1).equal(noisy[below].argmax(1))
    assert found[below].max(1).values.eq(1).all()


def test_perturbed_weights_of_few_operations():
    allowed = torch.tensor([[True, True, False], [False, False, False], [False, True, False]])
    table = torch.tensor([[0.3, 0.7, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    for seed in range(20):
        torch.manual_seed(seed)
        found = perturbed(table, 1.0, allowed)
        assert not found[~allowed].any()
        assert found.sum(-1).tolist() == pytest.approx([1, 0, 1])


def test_draws_have_the_means_of_their_dirichlet_distributions():
    torch.manual_seed(0)
    table = torch.tensor([[1.0, 0.0, -2.0]])
    beta = concentration(table)
    assert beta.tolist()[0] == pytest.approx([2, 1, math.exp(-2)])
    drawn = draw(table.expand(40000, 3))
    assert torch.allclose(drawn.sum(-1), torch.ones(40000), atol=1e-5)
    assert torch.allclose(drawn.mean(0), (beta / beta.sum())[0], atol=0.01)
    total = beta.sum()
    variance = beta * (total - beta) / (total ** 2 * (total + 1))
    assert torch.allclose(drawn.var(0), variance[0], atol=0.01)


def test_draws_are_differentiable_in_the_alphas():
    """The gradients of the expectations E[x_0] = beta_0 / sum(beta) and E[x_0^2]."""
    torch.manual_seed(0)
    table = torch.tensor([[0.5, 0.1, -0.5]], dtype=torch.float64, requires_grad=True)
    drawn = draw(table.expand(200000, 3))
    beta = concentration(table)[0]
    total = beta.sum()
    for power, expected in ((1, beta[0] / total),
                            (2, beta[0] * (beta[0] + 1) / (total * (total + 1)))):
        found, = torch.autograd.grad((drawn[:, 0] ** power).mean(), table, retain_graph=True)
        wanted, = torch.autograd.grad(expected, table, retain_graph=True)
        assert torch.allclose(found, wanted, atol=4e-3)


def test_the_anchor_is_the_kl_divergence():
    found = tables((3, 4), (2, 4))
    wanted = 0.0
    for row in (row for table in found.values() for row in (F.elu(table) + 1).tolist()):
        total, digamma = sum(row), [torch.digamma(torch.tensor(b).double()).item() for b in row]
        wanted += math.lgamma(total) - sum(map(math.lgamma, row)) - math.lgamma(len(row))
        wanted += sum((b - 1) * (d - torch.digamma(torch.tensor(total).double()).item())
                      for b, d in zip(row, digamma))
    assert divergence(found).item() == pytest.approx(wanted)
    assert divergence({"cell": torch.zeros(3, 4)}).item() == pytest.approx(0, abs=1e-6)
    assert torch.autograd.gradcheck(lambda *t: divergence(dict(enumerate(t))),
                                    tuple(found.values()))


def test_shares_of_the_allowed_operations():
    allowed = torch.tensor([[True, True, False], [False, False, False], [True, False, True]])
    table = torch.tensor([[1.0, 3.0, 4.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    assert shares(table, allowed).tolist() == [[0.25, 0.75, 0], [0, 0, 0], [0.5, 0, 0.5]]


def test_a_nan_does_not_hang_the_sampler():
    assert draw(torch.tensor([[float("nan"), 0.0]])).isnan().any()


# --- P-DARTS ------------------------------------------------------------------------------------


def test_stages_of_equal_length():
    settings = PDartsSettings(epochs=11, warm_up=1)
    assert [settings.span(number) for number in (1, 3, 4, 6, 7, 11)] == [
        (0, 1, 3), (0, 3, 3), (1, 1, 3), (1, 3, 3), (2, 1, 5), (2, 5, 5)]
    assert [PDartsSettings(epochs=2).span(number) for number in (1, 2)] == [(0, 1, 1), (1, 1, 1)]


def test_every_stage_trains_the_alphas():
    entry = STRATEGIES["p-darts"]
    strategy = SimpleNamespace(settings=PDartsSettings(epochs=9, warm_up=5))
    found = [entry.load().warms_up(strategy, number) for number in range(1, 11)]
    assert found == [True, True, False] * 3 + [False]


def test_the_strongest_operations_of_the_allowed():
    table = torch.tensor([[0.1, 0.5, 0.4, 0.0], [0.0, 0.0, 1.0, 0.0]])
    assert strongest({"cell": table}, 2)["cell"].tolist() == [
        [False, True, True, False], [False, False, True, False]]


@pytest.mark.parametrize("table, first", [("normal", [0, 1, 0]), ("cell", [1, 0, 0])])
def test_a_single_operation_is_one_that_a_genotype_may_have(table, first):
    kept = strongest({table: torch.tensor([[0.6, 0.3, 0.1]])}, 1)[table]
    assert kept.tolist() == [[bool(each) for each in first]]


def test_the_weakest_skip_connections_go_first():
    torch.manual_seed(0)
    mixing = {name: torch.rand(14, 8).softmax(-1) for name in ("normal", "reduce")}
    for table in mixing.values():
        table[:, SKIP] += 1 + torch.arange(14) / 100

    def skips(limit, name="normal"):
        cell = discretize(limited(mixing, limit)).cells()[name]
        return {(node, source) for node, found in enumerate(cell.nodes)
                for operation, source in found if operation == "skip_connect"}

    everything = skips(8)
    assert len(everything) == 8 and all(len(skips(limit)) == limit for limit in range(8))
    assert len(skips(0, "reduce")) == 8  # the limit is for the normal cell
    rows = {edge: row for row, edge in enumerate(edges("conv"))}
    weakest = min(everything, key=lambda edge: mixing["normal"][rows[edge], SKIP])
    assert weakest not in skips(7)


@pytest.mark.parametrize("cell", [MergedCell, PlainCell])
def test_dropout_after_skip_connections_of_stride_1(cell, monkeypatch):
    """Dropout that halves every value equals half the weight of those skip connections."""
    torch.manual_seed(0)
    network = Supernet(cell, 2, 3, 3, 1).double()
    batch = torch.randn(4, 1, 8, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    rates = []
    monkeypatch.setattr(F, "dropout", lambda x, p, *_: (rates.append(p), x / 2)[1])
    mixing = network.mixing()
    network.set_skip_dropout(0.3)
    found = network.loss(batch, mixing).logits
    assert set(rates) == {0.3}
    network.set_skip_dropout(0.0)
    halved = {name: table.detach().clone() for name, table in mixing.items()}
    halved["normal"][:, SKIP] /= 2
    for row, (_, source) in enumerate(edges("conv")):
        halved["reduce"][row, SKIP] /= 1 if source < 2 else 2
    assert torch.allclose(found, network.loss(batch, halved).logits)


# --- selection by perturbation ------------------------------------------------------------------


class Worth:
    """A supernet whose score is the sum of weight times worth over its operations."""

    def __init__(self, shapes, seed=0):
        torch.manual_seed(seed)
        self.allowed = {name: torch.ones(shape, dtype=torch.bool) for name, shape in shapes.items()}
        self.worth = {name: torch.rand(shape) for name, shape in shapes.items()}
        self.looks = 0

    def mixing(self):
        return {name: table / table.sum(-1, keepdim=True).clamp_min(1)
                for name, table in self.allowed.items()}

    def score(self, mixing):
        self.looks += 1
        return (sum((mixing[name] * worth).sum().item() for name, worth in self.worth.items()),)


def selected(shapes, tuning=1, seed=0):
    network = Worth(shapes)
    selection = Perturbation(network.allowed, tuning, seed)
    for turn in range(1, selection.epochs + 1):
        selection.choose(turn, network.mixing, network.allowed, network.score)
    return network, selection


@pytest.mark.parametrize("shapes", [{"normal": (14, 8), "reduce": (14, 8)}, {"cell": (6, 5)},
                                    {"recurrent": (36, 5)}], ids=lambda shapes: next(iter(shapes)))
def test_a_selection_keeps_the_operations_of_the_greatest_worth(shapes):
    network, selection = selected(shapes)
    first = 0 if "cell" in shapes else 1
    for name, worth in network.worth.items():
        value, best = worth[:, first:].max(-1)
        kept = network.allowed[name]
        assert (kept.sum(-1) <= 1).all()
        if "cell" in shapes:
            assert kept.sum() == 6
        for rows in selection.rows.values():
            strongest_rows = sorted(rows, key=lambda row: -value[row])[:selection.kept]
            assert {row for row in rows if kept[row].any()} == set(strongest_rows)
            assert all(kept[row, first + best[row]] for row in strongest_rows)
    found = discretize(network.mixing())
    for name, cell in found.cells().items():
        assert len(cell.edges) == network.allowed[name].sum()


def test_a_choice_every_few_epochs_in_an_order_from_the_seed():
    shapes = {"normal": (14, 8), "reduce": (14, 8)}
    _, selection = selected(shapes, tuning=3)
    assert selection.epochs == 3 * (14 + 3)  # the first node has two edges anyway
    network = Worth(shapes)
    looks = []
    for turn in range(1, 7):
        selection.choose(turn, network.mixing, network.allowed, network.score)
        looks.append(network.looks)
    assert looks == [14, 14, 14, 28, 28, 28]  # seven operations in both cells
    orders = [Perturbation(network.allowed, 1, seed).order for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]["normal"][0]) == list(range(14))


def test_without():
    mixing = {"cell": torch.ones(2, 3), "other": torch.ones(1, 1)}
    assert without(mixing, "cell", 0, 1)["cell"].tolist() == [[1, 0, 1], [1, 1, 1]]
    assert without(mixing, "cell", 1)["cell"].tolist() == [[1, 1, 1], [0, 0, 0]]
    assert mixing["cell"].all()


# --- schedules and settings ---------------------------------------------------------------------


def scheduled(name, value, epochs, numbers, **changes):
    """The attribute `value` of a strategy at `epochs`."""
    entry = STRATEGIES[name]
    strategy = entry.load().__new__(entry.load())
    strategy.settings = entry.settings(ConvSettings(epochs=epochs)).but(**changes)
    found = []
    for number in numbers:
        strategy.schedule(number)
        found.append(getattr(strategy, value))
    return found


def test_the_weight_of_beta_decay_grows_linearly_from_0():
    assert scheduled("beta-darts", "weight", 50, (1, 26, 50, 60)) == pytest.approx(
        [0, 25, 49, 50])


def test_epsilon_grows_linearly():
    assert scheduled("sdarts-rs", "epsilon", 50, (1, 26, 50, 60), epsilon=0.3) == pytest.approx(
        [0.03, 0.165, 0.2946, 0.3])


def test_the_dropout_of_a_stage():
    entry = STRATEGIES["p-darts"]
    settings = entry.settings(ConvSettings(epochs=75)).but(warm_up=10)
    strategy = SimpleNamespace(settings=settings)
    found = [entry.load().dropout(strategy, number) for number in (1, 26, 35, 36, 41, 51)]
    assert found == pytest.approx([0, 0.4 * 24 / 25, 0.4 * 15 / 25, 0.4, 0.4 * math.exp(-1),
                                   0.7 * 24 / 25])


@pytest.mark.parametrize("name, changes, message", [
    ("beta-darts", {"beta_weight": -1.0}, "beta_weight must be at least 0, not -1.0"),
    ("drnas", {"anchor_weight": float("nan")}, "anchor_weight must be at least 0, not nan"),
    ("fair-darts", {"zero_one_weight": -1.0}, "zero_one_weight must be at least 0"),
    ("darts", {"nesterov": True, "momentum": 0.0}, "nesterov needs a momentum above 0"),
    ("sdarts-rs", {"epsilon": 0.01}, "epsilon must be from 0.03 to 1, not 0.01"),
    ("p-darts", {"added_layers": ()}, "added_layers must be"),
    ("p-darts", {"kept_operations": (5,)}, "kept_operations must be 2 numbers"),
    ("p-darts", {"skip_dropout": (0.1, 0.2, 1.0)}, "skip_dropout must be 3 numbers in [0, 1)"),
    ("p-darts", {"skip_limit": -1}, "skip_limit must be at least 0"),
    ("beta-darts", {"order": 3}, "order must be 1 or 2, not 3"),
    ("darts", {"select": "perturbance"}, "did you mean perturbation?"),
    ("darts", {"tuning_epochs": 0}, "tuning_epochs must be a whole number of at least 1"),
])
def test_settings_out_of_range(name, changes, message):
    with pytest.raises(ValueError) as caught:
        STRATEGIES[name].settings(ConvSettings()).but(**changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_strategys_settings_extend_those_of_the_space():
    for entry in STRATEGIES.values():
        own = entry.own_settings() if entry.shares_weights else None
        if own is None:
            continue
        found = entry.settings(ConvSettings(channels=12, alpha_betas=(0.1, 0.2)))
        assert isinstance(found, own) and isinstance(found, ConvSettings)
        assert (found.channels, found.alpha_betas) == (12, (0.1, 0.2))
        new = set(found.names()) - set(ConvSettings().names())
        assert new and new <= set(own().names())
    assert issubclass(PDartsSettings, SupernetSettings)
    assert extended(ConvSettings(), PDartsSettings).added_layers == (0, 6, 12)


@pytest.mark.parametrize("name", ["drnas", "p-darts", "gdas"])
def test_strategies_without_a_second_order(name):
    entry = STRATEGIES[name]
    strategy = entry.load().__new__(entry.load())
    strategy.settings = ConvSettings(order=2)
    with pytest.raises(ValueError, match=f"^{name} .* has no second order; leave --order out$"):
        strategy.prepare()
