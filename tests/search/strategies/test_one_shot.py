"""Strategies that share weights: an epoch of each on a few small images, resumed and repeated."""

import io
import json
import math
import random
import statistics
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from search.reporting.memory import peak_memory
from search.settings import ConvSettings, TextSettings
from search.spaces.allowed import read_allowed
from search.spaces.discretize import CONV_OPERATIONS, one_hot, operations
from search.spaces.space import ConvSpace
from search.strategies import STRATEGIES as TABLE
from search.strategies.gdas import draw
from search.strategies.random_ws import RandomWs
from search.tasks.image import ImageSearchTask
from search.tasks.nasbench201 import EdgeSearchTask
from search.tasks.text import TextSearchTask
from zoo.data.base import DataError, ImageData, Split
from zoo.data.images import load
from zoo.data.text import TextData
from zoo.genotypes.serialization import from_dict
from zoo.runs.run_folder import DivergedError

CPU = torch.device("cpu")
SMALL = ConvSettings(channels=4, layers=3, batch_size=8, epochs=3, alpha_learning_rate=0.02,
                     crop_padding=1, flip=False)


def digits(count=40):
    data = load("digits")
    return ImageData("digits", Split(data.train.images[:count], data.train.labels[:count]),
                     data.test, data.labels, data.mean, data.std)


def text():
    ids = np.arange(400) ** 2 % 5
    return TextData("squares", "char", ids[:200], ids[200:300], ids[300:], list("abcde"))


SETTINGS = {"conv": SMALL, "nasbench201": SMALL, "recurrent": TextSettings(
    hidden=6, batch_size=4, bptt=10, epochs=3, learning_rate=1.0, dropout=0.1, dropout_input=0.1)}
TASKS = {"conv": (ImageSearchTask, digits), "nasbench201": (EdgeSearchTask, digits),
         "recurrent": (TextSearchTask, text)}
#: (strategy, settings) of each strategy of the table that shares weights, and more of some.
STRATEGIES = {name: (name, {}) for name, entry in TABLE.items() if entry.shares_weights} | {
    "pc-darts": ("pc-darts", {"warm_up": 1}),
    "p-darts": ("p-darts", {"added_layers": (0, 1, 0), "skip_dropout": (0.5, 0.5, 0.5)}),
    "darts-2": ("darts", {"order": 2}),
    "sdarts-rs-2": ("sdarts-rs", {"order": 2}),
    "beta-darts-2": ("beta-darts", {"order": 2}),
    "fair-darts-2": ("fair-darts", {"order": 2}),
}
EVERY = [(name, space) for name, (entry, _) in STRATEGIES.items() for space in TABLE[entry].spaces]


def make(name, space="conv", seed=0, dtype=torch.float32, **changes):
    entry, own = STRATEGIES[name]
    task, data = TASKS[space]
    settings = TABLE[entry].settings(SETTINGS[space]).but(**(own | changes))
    made = TABLE[entry].load()(task(data(), settings, CPU, seed), settings, seed, dtype)
    if isinstance(made, RandomWs):  # the base of enas too
        made.samples = 3
    return made


def test_nesterov_momentum_of_the_weights():
    """buffer <- momentum * buffer + gradient; step = gradient + momentum * buffer."""
    strategy = make("darts", nesterov=True, momentum=0.5, learning_rate=1.0, weight_decay=0.0)
    weight = next(strategy.network.parameters())
    before = weight.detach().clone()
    for _ in range(2):
        weight.grad = torch.ones_like(weight)
        strategy.weight_optimizer.step()
    # The buffers are 1 and 1.5, the steps 1.5 and 1.75.
    assert torch.allclose(before - weight, torch.full_like(weight, 3.25))


def stored(state):
    """The state after a round trip through a checkpoint."""
    file = io.BytesIO()
    torch.save(state, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


def assert_same(first, second):
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        first, second = list(first.values()), list(second.values())
    if isinstance(first, (list, tuple)):
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert type(first) is type(second)
        assert torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


def row_of(strategy, number):
    return json.loads(json.dumps(strategy.epoch(number)))


def check_row(row, name, space, number, images):
    metric = "perplexity" if space == "recurrent" else "accuracy"
    cells = {"conv": {"normal", "reduce"}, "recurrent": {"recurrent"}, "nasbench201": {"cell"}
             }[space]
    shape = {"conv": (14, 8), "recurrent": (36, 5), "nasbench201": (6, 5)}[space]
    wanted = {"epoch", "cost", "learning_rate", "train_loss", f"train_{metric}", "valid_loss",
              f"valid_{metric}", "operations", "skip_connections", "warnings", "genotype"}
    single = name in ("random-ws", "enas")
    if not single:
        wanted |= {"alphas", "entropy", f"discrete_{metric}", "discretisation_gap"}
        for cell, table in row["alphas"].items():
            assert np.shape(table) == shape
            assert 0 < row["entropy"][cell] <= math.log(8) + 1e-6
        assert row["alphas"].keys() == row["entropy"].keys() == cells
        sign = 1 if metric == "accuracy" else -1  # above 0: discretization costs
        assert row["discretisation_gap"] == pytest.approx(
            sign * (row[f"valid_{metric}"] - row[f"discrete_{metric}"]))
    assert row.keys() == wanted
    assert row["epoch"] == number
    unit = "tokens" if space == "recurrent" else "images"
    assert row["cost"] == {unit: images * number}
    assert row["operations"].keys() == row["skip_connections"].keys() == cells
    genotype = from_dict(row["genotype"])
    assert genotype.kind == space
    for cell, counts in row["operations"].items():
        assert sum(counts.values()) == len(genotype.cells()[cell].edges)
    for kind in ("train", "valid"):
        assert row[f"{kind}_loss"] > 0
        if metric == "accuracy":
            assert 0 <= row[f"{kind}_accuracy"] <= 1
        else:
            assert row[f"{kind}_perplexity"] == pytest.approx(math.exp(row[f"{kind}_loss"]))


@pytest.mark.parametrize("name, space", EVERY)
def test_an_epoch_its_row_and_its_checkpoint(name, space):
    strategy = make(name, space)
    seen = []
    row = json.loads(json.dumps(strategy.epoch(
        1, lambda done, total, facts: seen.append((done, total)))))
    images = strategy.seen if space == "recurrent" else 16  # two whole batches of 8 out of 20
    check_row(row, name, space, 1, images)
    assert seen == [(number + 1, len(seen)) for number in range(len(seen))] and seen

    state = stored(strategy.state_dict())
    second = row_of(strategy, 2)
    resumed = make(name, space)
    resumed.load_state_dict(state)
    assert resumed.genotype() == from_dict(row["genotype"])
    assert row_of(resumed, 2) == second
    # Everything a third epoch starts from.
    assert_same(stored(resumed.state_dict()), stored(strategy.state_dict()))

    assert row_of(make(name, space), 1) == row  # the same seed once more
    assert row_of(make(name, space, seed=1), 1) != row


def test_the_rate_falls_on_a_cosine():
    strategy = make("darts", epochs=5)
    rates = [strategy._rate(number) for number in range(1, 6)]
    assert rates[0] == 0.025 and rates == sorted(rates, reverse=True)
    assert rates[3] == pytest.approx(
        0.001 + 0.024 * (1 + math.cos(math.pi * 3 / 5)) / 2)  # as CosineAnnealingLR has it


def test_alphas_are_frozen_in_the_warm_up():
    strategy = make("darts", warm_up=1)
    before = {name: table.clone() for name, table in strategy.network.alphas.items()}
    strategy.epoch(1)
    assert all(torch.equal(before[name], table) for name, table in strategy.network.alphas.items())
    strategy.epoch(2)
    assert not any(torch.equal(before[name], table)
                   for name, table in strategy.network.alphas.items())


def test_the_weights_of_darts_learn():
    strategy = make("darts", epochs=5, learning_rate=0.05)
    losses = [strategy.epoch(number)["train_loss"] for number in range(1, 6)]
    assert losses[-1] < losses[0]


def test_evaluation_changes_nothing():
    strategy = make("darts")
    before = stored(strategy.network.state_dict())
    once = strategy.task.evaluate(strategy.network, strategy.mixing())
    assert once == strategy.task.evaluate(strategy.network, strategy.mixing())
    assert all(torch.equal(before[key], value)
               for key, value in strategy.network.state_dict().items())


def test_a_loss_of_nan():
    strategy = make("darts")
    with torch.no_grad():
        strategy.network.classifier.weight.fill_(float("nan"))
    with pytest.raises(DivergedError, match="epoch 1; search in a new folder with a smaller "
                                            "--learning-rate"):
        strategy.epoch(1)


# --- half precision ---------------------------------------------------------------------------


@pytest.mark.parametrize("name, space", [("darts", "conv"), ("darts-2", "conv"),
                                         ("pc-darts", "conv"), ("gdas", "conv"),
                                         ("random-ws", "conv"), ("darts", "recurrent")])
def test_bfloat16_leaves_weights_and_alphas_in_float32(name, space):
    half, whole = (make(name, space, dtype=dtype) for dtype in (torch.bfloat16, torch.float32))
    row, exact = row_of(half, 1), row_of(whole, 1)
    assert all(value.dtype == torch.float32 for value in
               [*half.network.parameters(), *half.network.alphas.values()])
    assert row["train_loss"] == pytest.approx(exact["train_loss"], rel=0.05)
    assert row["train_loss"] != exact["train_loss"]  # bfloat16 was used
    assert row["valid_loss"] == pytest.approx(exact["valid_loss"], rel=0.1)


@pytest.mark.parametrize("name", ["darts", "pc-darts", "p-darts", "enas"])
def test_a_space_with_noise(name):
    def restricted():
        task = ImageSearchTask(digits(), TABLE[name].settings(SMALL), CPU, 0)
        task.allowed = read_allowed("s4", "conv")
        settings = TABLE[name].settings(SMALL).but(**STRATEGIES[name][1])
        return TABLE[name].load()(task, settings, 0)

    strategy = restricted()
    row = row_of(strategy, 1)
    assert {operation for of in row["operations"].values() for operation in of} <= {
        "noise", "sep_conv_3x3"}
    if "alphas" in row:
        assert np.shape(row["alphas"]["normal"]) == (14, 9)
    resumed = restricted()
    resumed.load_state_dict(stored(strategy.state_dict()))
    assert row_of(resumed, 2) == row_of(strategy, 2)  # P-DARTS enters its second stage


# --- variants of DARTS --------------------------------------------------------------------------


@pytest.mark.parametrize("name, space", [("gdas", "nasbench201"), ("fair-darts", "nasbench201"),
                                         ("drnas", "nasbench201"), ("pc-darts", "conv")])
def test_a_selection_by_perturbation_ends_with_one_cell(name, space):
    strategy = make(name, space, epochs=1, warm_up=0, select="perturbation", tuning_epochs=1)
    assert strategy.epochs == 1 + (6 if space == "nasbench201" else 17)
    last = strategy.epochs
    if space == "conv":  # one epoch of each kind is enough: the choices have tests of their own
        last = 3
    rates = [strategy.epoch(number)["learning_rate"] for number in range(1, last + 1)]
    assert rates[:2] == pytest.approx([0.025, 0.0025]) and rates[1:] == sorted(rates[1:])[::-1]
    for allowed in strategy.network.allowed.values():
        count = allowed.sum(-1)
        assert (count == 1).sum() == last - 1
    if space == "nasbench201":
        cell = strategy.genotype().cells()["cell"]
        names = operations(space)
        chosen = strategy.network.allowed["cell"].int().argmax(-1)
        assert [names[column] for column in chosen] == [name for name, _ in cell.edges]


def test_a_selection_restores_its_choices():
    strategy = make("sdarts-rs", "nasbench201", epochs=1, select="perturbation", tuning_epochs=1)
    strategy.epoch(1)
    strategy.epoch(2)
    resumed = make("sdarts-rs", "nasbench201", epochs=1, select="perturbation", tuning_epochs=1)
    resumed.load_state_dict(stored(strategy.state_dict()))
    assert torch.equal(resumed.network.allowed["cell"], strategy.network.allowed["cell"])
    assert (resumed.network.allowed["cell"].sum(-1) == 1).sum() == 1
    assert row_of(resumed, 3) == row_of(strategy, 3)


def test_the_stages_of_p_darts():
    strategy = make("p-darts", epochs=3)
    seen = []
    for number in (1, 2, 3):
        row = strategy.epoch(number)
        allowed = strategy.network.allowed
        seen.append((len(strategy.network.cells), int(allowed["normal"].sum(-1).unique()),
                     int(allowed["reduce"].sum(-1).unique())))
        assert row["skip_connections"]["normal"] <= 2
        assert all(not getattr(cell, "skip_dropout", 0) for cell in strategy.network.modules())
    assert seen == [(3, 8, 8), (4, 5, 5), (3, 3, 3)]


# --- GDAS -------------------------------------------------------------------------------------


def test_a_draw_is_one_operation_per_edge_with_the_softmaxs_gradient():
    torch.manual_seed(0)
    table = torch.randn(14, 8, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(1)
    drawn = draw(table, 0.7)
    assert torch.equal((drawn.detach() != 0).sum(1), torch.ones(14, dtype=torch.int64))
    assert torch.allclose(drawn.sum(1), torch.ones(14, dtype=torch.float64))
    cotangent = torch.randn_like(drawn)
    found, = torch.autograd.grad(drawn, table, cotangent)

    torch.manual_seed(1)
    noise = -torch.empty_like(table).exponential_().log()
    soft = ((table.log_softmax(-1) + noise) / 0.7).softmax(-1)
    assert torch.equal(soft.argmax(1), drawn.argmax(1))
    wanted, = torch.autograd.grad(soft, table, cotangent)
    assert torch.allclose(found, wanted)


def test_draws_follow_the_alphas():
    """The Gumbel trick: at any temperature an operation is drawn with its softmax probability."""
    torch.manual_seed(0)
    table = torch.tensor([[2.0, 0.0, 0.0, -1.0]])
    drawn = draw(table.expand(20000, 4), 5.0).argmax(1).bincount(minlength=4) / 20000
    assert torch.allclose(drawn, table.softmax(-1)[0], atol=0.015)


def test_gdas_computes_only_what_is_drawn():
    """Only the weights of drawn operations get gradients."""
    strategy = make("gdas")
    torch.manual_seed(3)
    mixing = strategy.weigh()
    net, chosen = strategy.network, mixing["normal"].argmax(1)
    train, *_ = next(iter(strategy.task.batches(1)))
    net.loss(train, mixing).loss.backward()
    for name, table in net.cells[0].depthwise.items():
        column = CONV_OPERATIONS.index(name.removesuffix("_2"))
        drawn = {row for row in range(14) if chosen[row] == column}
        found = set() if table.grad is None else set(
            table.grad.flatten(1).abs().sum(1).nonzero().flatten().tolist())
        assert found <= drawn
    assert net.alphas["normal"].grad.abs().sum() > 0


@pytest.mark.parametrize("space", ["conv", "recurrent", "nasbench201"])
def test_gdas_may_draw_no_operation_at_all(space):
    """`none` on every edge: the loss does not depend on the alphas, whose gradients are zero."""
    strategy = make("gdas", space)
    net = strategy.network
    with torch.no_grad():
        for table in net.alphas.values():
            table[:, operations(space).index("none")] = 1e4
    assert all((table.argmax(1) == operations(space).index("none")).all()
               for table in strategy.weigh().values())
    train, valid, *_ = next(iter(strategy.task.batches(1)))
    gradients, outcome = strategy.bilevel.first_order(valid)
    assert not any(gradient.any() for gradient in gradients) and outcome.loss.isfinite()
    strategy.step(train, valid, 1)
    assert all(parameter.isfinite().all() for parameter in net.parameters())
    assert peak_memory(strategy) > 0


def test_the_temperature_falls_from_10_to_a_tenth():
    strategy = make("gdas")
    found = []
    for number in (1, 2, 3):
        strategy.epoch(number)
        found.append(strategy.temperature)
    assert found == pytest.approx([10, 5.05, 0.1])


# --- single cells -----------------------------------------------------------------------------


def test_random_ws_keeps_the_best_cell():
    strategy = make("random-ws")
    strategy.epoch(1)
    cells, scores = [], []
    evaluate, draw_cell = strategy.task.evaluate, strategy.draw
    strategy.draw = lambda: (cells.append(draw_cell()), cells[-1])[1]
    strategy.task.evaluate = lambda *arguments: (
        scores.append(evaluate(*arguments)), scores[-1])[1]
    before = strategy.best
    strategy.choose()
    found = [score["accuracy"] for score in scores]
    assert len(found) == 1 + strategy.samples
    assert strategy.best == [before, *cells][found.index(max(found))]
    strategy.task.evaluate = lambda *arguments: {"accuracy": 0.5}
    kept = strategy.best
    strategy.choose()
    assert strategy.best == kept  # an equally good cell does not replace it


def test_random_ws_trains_one_cell_per_step():
    strategy = make("random-ws")
    before = stored(strategy.network.state_dict())
    genotype = ConvSpace().sample(random.Random(1))
    train, *_ = next(iter(strategy.task.batches(1)))
    strategy.train_on(genotype, train)
    mixing = one_hot(genotype, strategy.like())
    for cell, kind in zip(range(3), strategy.network.kinds):
        for name in strategy.network.cells[cell].depthwise:
            column = CONV_OPERATIONS.index(name.removesuffix("_2"))
            key = f"cells.{cell}.depthwise.{name}"
            if not mixing[kind][:, column].any():
                assert torch.equal(before[key], strategy.network.state_dict()[key])


def toy_enas():
    """ENAS whose reward is the share of edges with a 3x3 separable convolution."""
    strategy = make("enas")
    column = CONV_OPERATIONS.index("sep_conv_3x3")
    shares = []

    def loss(batch, mixing):
        edges = torch.stack([table.sum(0) for table in mixing.values()]).sum(0)
        shares.append((edges[column] / edges.sum()).item())
        return SimpleNamespace(loss=torch.tensor(0.0))

    strategy.network.loss = loss
    strategy.reward = lambda outcome, batch: shares[-1]
    for group in strategy.controller_optimizer.param_groups:
        group["lr"] = 0.02
    return strategy, shares


def test_the_controller_of_enas_learns_what_is_rewarded():
    strategy, shares = toy_enas()
    torch.manual_seed(0)
    entropy = strategy.controller.sample(16, torch.default_generator)[2].mean()
    for _ in range(150):
        strategy.teach(None)
    assert statistics.mean(shares[-30:]) > statistics.mean(shares[:30]) + 0.1
    assert strategy.controller.sample(16, torch.default_generator)[2].mean() < entropy


def test_a_step_of_the_controller_leaves_the_weights_alone():
    strategy = make("enas")
    before = stored(strategy.network.state_dict())
    _, valid, *_ = next(iter(strategy.task.batches(1)))
    strategy.teach(valid)
    assert all(torch.equal(before[key], value)
               for key, value in strategy.network.state_dict().items())


# --- invalid combinations ---------------------------------------------------------------------


@pytest.mark.parametrize("name, changes, message", [
    ("pc-darts", {"channels": 6}, "6 channels cannot be split into 4 parts; use a multiple of 4 "
                                  "for --channels"),
    ("gdas", {"order": 2}, "gdas samples operations in every step and has no second order; "
                           "leave --order"),
    ("darts", {"order": 3}, "order must be 1 or 2, not 3"),
    ("darts", {"batch_size": 1}, "batch_size must be at least 2: batch-norm needs two images"),
    ("darts", {"channels": 0}, "channels must be a whole number of at least 1, not 0"),
    ("darts", {"learning_rate": -1.0}, "learning_rate must be above 0, not -1.0"),
    ("darts", {"train_share": 1.0}, "train_share must be between 0 and 1, not 1.0"),
])
def test_bad_settings(name, changes, message):
    with pytest.raises(ValueError) as caught:
        make(name, **changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_strategy_of_the_other_space():
    with pytest.raises(ValueError, match="pcdarts searches the conv space only"):
        make("pc-darts", "recurrent")


def test_data_that_cannot_be_searched_on():
    data = digits()
    one = Split(data.train.images, np.zeros_like(data.train.labels))
    few = Split(data.train.images[:2], np.array([0, 1]))
    tiny = Split(data.train.images[:, :3, :3], data.train.labels)
    for train, message in ((one, "are all of one class"), (few, "too few for two halves"),
                           (tiny, "sides of 3 pixels; two reductions need at least 4")):
        with pytest.raises(DataError, match=message):
            ImageSearchTask(ImageData("made", train, data.test, data.labels, data.mean, data.std),
                      SMALL, CPU, 0)


def test_the_two_halves_have_no_image_in_common():
    task = ImageSearchTask(digits(41), SMALL, CPU, 3)
    halves = [set(map(bytes, part[0].numpy().reshape(len(part[1]), -1)))
              for part in (task.train, task.valid)]
    assert (len(task.train[1]), len(task.valid[1])) == (20, 21)
    assert not halves[0] & halves[1]
