"""The recurrent supernet: the fast cell equals the plain one, and both equal the published one."""

import pytest
import torch

from search.spaces.discretize import discretize, edges, one_hot
from search.supernets.bilevel import Bilevel
from search.supernets.recurrent import (
    FastRecurrentCell,
    PlainRecurrentCell,
    RecurrentSupernet,
    normalize,
)
from zoo.genotypes.cell import Cell
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.models.recurrent import RecurrentCell

DROPOUTS = {"dropout": 0.3, "dropout_words": 0.1, "dropout_embedding": 0.2,
            "dropout_hidden": 0.25, "dropout_input": 0.4}
GENOTYPE = RecurrentGenotype(Cell(
    [[("tanh", 0)], [("relu", 1)], [("sigmoid", 0)], [("identity", 2)], [("none", 1)],
     [("tanh", 4)], [("relu", 6)], [("sigmoid", 3)]], range(1, 9)))


def network(cell=PlainRecurrentCell, hidden=7, **settings):
    """A supernet in float64 with random alphas."""
    torch.manual_seed(0)
    made = RecurrentSupernet(cell, vocabulary=13, hidden=hidden, **settings).double()
    with torch.no_grad():
        made.alphas["recurrent"].normal_()
    return made


def pair(**settings):
    """The plain and the fast supernet with the same weights and alphas."""
    plain, fast = network(PlainRecurrentCell, **settings), network(FastRecurrentCell, **settings)
    fast.load_plain(plain.state_dict())
    with torch.no_grad():
        fast.alphas["recurrent"].copy_(plain.alphas["recurrent"])
    return plain, fast


def batch(time=5, columns=6, hidden=7):
    random = torch.Generator().manual_seed(3)
    tokens, targets = torch.randint(0, 13, (2, time, columns), generator=random)
    return (tokens, targets.reshape(-1),
            torch.randn(1, columns, hidden, generator=random, dtype=torch.float64))


def results(net, mixing=None):
    """Loss, logits, next hidden state and the gradients of alphas and weights."""
    torch.manual_seed(5)  # of the dropout masks
    outcome = net.training_loss(batch(), mixing or net.mixing())
    wanted = list(net.parameters()) + ([] if mixing else list(net.alphas.values()))
    return [outcome.loss, outcome.logits, outcome.hidden,
            *torch.autograd.grad(outcome.loss, wanted)]


def assert_same(left, right):
    for a, b in zip(left, right, strict=True):
        assert (a - b).abs().max() <= 1e-10 * b.abs().max().clamp_min(1e-3)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_fast_cell_computes_what_the_plain_one_does(mode):
    nets = [getattr(net, mode)() for net in pair(tar_weight=0.1, ar_weight=0.2, **DROPOUTS)]
    assert_same(*map(results, nets))


def test_with_one_operation_on_each_node_too():
    plain, fast = pair()
    mixing = one_hot(GENOTYPE, plain.alphas)
    assert mixing["recurrent"].sum() == 8
    assert_same(results(plain, mixing), results(fast, mixing))


def test_alphas_need_no_gradient_of_the_weights():
    _, fast = pair()
    wanted = torch.autograd.grad(fast.loss(batch(), fast.mixing()).loss, fast.alphas["recurrent"])
    for weight in fast.parameters():
        weight.requires_grad_(False)
    alone = torch.autograd.grad(fast.loss(batch(), fast.mixing()).loss, fast.alphas["recurrent"])
    assert_same(wanted, alone)


@pytest.mark.parametrize("cell", [PlainRecurrentCell, FastRecurrentCell])
def test_one_edge_per_node_equals_the_zoos_cell_without_batch_norm(cell, monkeypatch):
    monkeypatch.setattr("search.supernets.recurrent.normalize", lambda x: x)
    net = network(cell)
    # In the zoo `none` is a gate to zero; in the search it means no edge.
    genotype = RecurrentGenotype(Cell(
        [[("relu" if name == "none" else name, source)] for name, source
         in GENOTYPE.recurrent.edges], GENOTYPE.recurrent.concat))
    alone = RecurrentCell(genotype, 7, 7).double()
    alone.load_state_dict({key: value for key, value in net.rnns[0].state_dict().items()
                           if not key.startswith("bn.")})
    inputs, hidden = torch.randn(5, 6, 7).double(), batch()[2]
    assert_same(net.rnns[0](inputs, hidden, one_hot(genotype, net.alphas)["recurrent"]),
                alone(inputs, hidden))


@pytest.mark.parametrize("cell", [PlainRecurrentCell, FastRecurrentCell])
def test_none_adds_nothing(cell):
    net = network(cell)
    mixing = torch.rand(36, 5).double()
    other = mixing.clone()
    other[:, 0] = 100
    losses = [net.loss(batch(), {"recurrent": table}).loss for table in (mixing, other)]
    assert losses[0] == losses[1]


def test_each_time_step_is_normalized_by_its_batch_in_evaluation_too():
    x = 3 + 2 * torch.randn(50, 4)
    assert normalize(x).mean(0).abs().max() < 1e-5
    state = network().eval().state_dict()["rnns.0.bn.running_mean"]
    net = network().eval()
    net.loss(batch(), net.mixing())
    assert torch.equal(net.state_dict()["rnns.0.bn.running_mean"], state)


def test_the_training_loss_adds_the_regularizers():
    net = network(tar_weight=0.5, ar_weight=0.25)
    outputs = net.logits(batch()[0], batch()[2], net.mixing()["recurrent"])[2]
    added = (net.training_loss(batch(), net.mixing()).loss - net.loss(batch(), net.mixing()).loss)
    expected = (0.5 * (outputs[1:] - outputs[:-1]).pow(2).mean() + 0.25 * outputs.pow(2).mean())
    assert added.item() == pytest.approx(expected.item(), rel=1e-9)
    assert net.training_loss(batch(time=1), net.mixing()).loss.isfinite()  # no successive outputs


def test_the_alphas_are_not_among_the_weights():
    net = network(FastRecurrentCell)
    assert net.alphas["recurrent"].shape == (len(edges("recurrent")), 5)
    assert not any("alpha" in key for key in net.state_dict())
    assert all(weight is not net.alphas["recurrent"] for weight in net.parameters())
    assert isinstance(discretize(net.mixing()), RecurrentGenotype)


@pytest.mark.parametrize("order", [1, 2])
def test_both_cells_search_alike(order):
    tables = []
    for net in pair(tar_weight=1e-3):
        bilevel = Bilevel(net, torch.optim.SGD(net.parameters(), 2.0, weight_decay=5e-7),
                          torch.optim.Adam([net.alphas["recurrent"]], 3e-3), order, 0.25,
                          clip_unrolled=True, unmoved=[net.encoder.weight])
        for _ in range(2):
            bilevel.step(batch(), batch(time=4))
        tables.append([net.alphas["recurrent"].detach(), *net.parameters()])
    assert (tables[0][0] - network().alphas["recurrent"]).abs().max() > 1e-3
    for a, b in zip(*tables):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-10)


def test_the_unrolled_step_leaves_the_tied_embedding_alone(monkeypatch):
    net = network()
    seen = []
    loss = net.loss
    monkeypatch.setattr(net, "loss", lambda *arguments: (
        seen.append([net.encoder.weight.detach().clone(), net.decoder.bias.detach().clone()]),
        loss(*arguments))[1])
    Bilevel(net, torch.optim.SGD(net.parameters(), 2.0), torch.optim.Adam(net.alphas.values()), 2,
            0.25, clip_unrolled=True, unmoved=[net.encoder.weight]).second_order(batch(), batch())
    (weight, bias), (weight_ahead, bias_ahead) = seen[:2]
    assert torch.equal(weight, weight_ahead) and not torch.equal(bias, bias_ahead)
