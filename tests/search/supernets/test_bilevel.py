"""The bilevel optimizer: exact products, frozen and restored weights, no copy of the network."""

import copy
import functools

import pytest
import torch

from search.spaces.discretize import edges
from search.supernets.base import StepOutput
from search.supernets.bilevel import Bilevel
from search.supernets.conv import Supernet
from search.supernets.conv_fused import MergedCell
from search.supernets.conv_reference import PlainCell
from search.supernets.recurrent import FastRecurrentCell, RecurrentSupernet


def optimizer(network, order=1, **options):
    """A bilevel optimizer in mid-search, with momentum of the weights."""
    weights = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=3e-4)
    alphas = torch.optim.Adam(list(network.alphas.values()), lr=3e-3)
    return Bilevel(network, weights, alphas, order, **options)


def network(cell=MergedCell):
    torch.manual_seed(0)
    return Supernet(cell, channels=2, layers=3, num_classes=3, in_channels=1).double()


def batch(seed, count=4, size=4):
    random = torch.Generator().manual_seed(seed)
    return (torch.randn(count, 1, size, size, generator=random, dtype=torch.float64),
            torch.randint(0, 3, (count,), generator=random))


def exact_product(net, bilevel, train, vector):
    """d/d(alpha) of (gradient of the weights . vector), by differentiating twice."""
    loss = net.loss(train, net.mixing()).loss
    gradients = torch.autograd.grad(loss, bilevel.weights, create_graph=True)
    along = sum((gradient * part).sum() for gradient, part in zip(gradients, vector))
    return torch.autograd.grad(along, bilevel.alphas)


def relative(found, wanted):
    difference = sum((a - b).square().sum() for a, b in zip(found, wanted)).sqrt()
    return (difference / sum(b.square().sum() for b in wanted).sqrt()).item()


class Smooth(torch.nn.Module):
    """The interface of a supernet, around a smooth loss of two layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.first = torch.nn.Parameter(torch.randn(5, 4, dtype=torch.float64))
        self.second = torch.nn.Parameter(torch.randn(3, 5, dtype=torch.float64))
        rows = len(edges("conv"))
        self.alphas = {"normal": torch.randn(rows, 8, dtype=torch.float64, requires_grad=True)}

    def mixing(self):
        return {name: table.softmax(-1) for name, table in self.alphas.items()}

    def loss(self, batch, mixing):
        x, labels = batch
        share = mixing["normal"].mean(0)[:5]
        logits = torch.tanh(x.flatten(1)[:, :4] @ self.first.t()) * share @ self.second.t()
        return StepOutput(torch.nn.functional.cross_entropy(logits, labels), logits)

    training_loss = loss


def test_the_product_equals_autograd_on_a_smooth_loss():
    """At the published radius 0.01; the error of central differences falls with its square."""
    net = Smooth()
    torch.manual_seed(2)
    vector = [torch.randn_like(weight) for weight in net.parameters()]
    errors = []
    for radius in (0.1, 0.01):
        bilevel = optimizer(net, 2, radius=radius)
        found = bilevel.hessian_vector_product(batch(3), vector)
        errors.append(relative(found, exact_product(net, bilevel, batch(3), vector)))
    assert errors[1] < 1e-4
    assert errors[1] < errors[0] / 30


@pytest.mark.parametrize("cell", [PlainCell, MergedCell])
def test_the_product_equals_autograd_on_the_supernet(cell):
    """With a radius too small to reach a kink of a ReLU or max-pool.

    At the published 0.01 this network has many, and the error is as large as the product.
    """
    plain, net = network(PlainCell), network(cell)
    if cell is PlainCell:
        net.load_state_dict(plain.state_dict())
    else:
        net.load_plain(plain.state_dict())
    with torch.no_grad():
        for name, table in plain.alphas.items():
            net.alphas[name].copy_(table)
    of_plain = optimizer(plain, 2)
    valid = torch.autograd.grad(plain.loss(batch(4), plain.mixing()).loss, of_plain.weights)
    wanted = exact_product(plain, of_plain, batch(3), valid)

    bilevel = optimizer(net, 2, radius=1e-6)
    vector = torch.autograd.grad(net.loss(batch(4), net.mixing()).loss, bilevel.weights)
    found = bilevel.hessian_vector_product(batch(3), vector)
    assert relative(found, wanted) < 1e-7


def test_the_product_is_taken_in_full_precision():
    """bfloat16 would round off most of the step to either side."""
    net = network().float()
    half = functools.partial(torch.autocast, "cpu", torch.bfloat16)
    images, labels = batch(3)
    train, vector = (images.float(), labels), [torch.randn_like(w) for w in net.parameters()]
    found, wanted = (optimizer(net, 2, **options).hessian_vector_product(train, vector)
                     for options in ({"autocast": half}, {}))
    assert all(map(torch.equal, found, wanted))


def test_order_2_is_equation_7():
    """The whole gradient equals that of the unrolled step, written out and differentiated."""
    net = Smooth()
    bilevel = optimizer(net, 2, radius=1e-3)
    bilevel.weight_step(batch(3))  # so that there is momentum
    loss = net.loss(batch(5), net.mixing()).loss
    gradients = torch.autograd.grad(loss, bilevel.weights, create_graph=True)
    ahead = [weight - 0.05 * (
        gradient + 3e-4 * weight
        + 0.9 * bilevel.weight_optimizer.state[weight]["momentum_buffer"])
        for weight, gradient in zip(bilevel.weights, gradients)]
    x, labels = batch(6)
    share = net.mixing()["normal"].mean(0)[:5]
    logits = torch.tanh(x.flatten(1)[:, :4] @ ahead[0].t()) * share @ ahead[1].t()
    wanted = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, labels),
                                 bilevel.alphas)
    found, _ = bilevel.second_order(batch(5), batch(6))
    assert relative(found, wanted) < 1e-6


def test_order_1_gives_the_weights_no_gradient():
    net = network()
    bilevel = optimizer(net)
    seen = []
    loss = net.loss
    net.loss = lambda *arguments: (
        seen.append([weight.requires_grad for weight in bilevel.weights]), loss(*arguments))[1]
    before = [weight.detach().clone() for weight in bilevel.weights]
    alphas = [alpha.detach().clone() for alpha in bilevel.alphas]
    bilevel.alpha_step(batch(1), batch(2))
    assert not any(seen[0])
    assert all(weight.grad is None and weight.requires_grad for weight in bilevel.weights)
    assert all(map(torch.equal, before, bilevel.weights))
    assert not any(map(torch.equal, alphas, bilevel.alphas))


def test_order_2_restores_the_weights():
    net = network()
    bilevel = optimizer(net, 2)
    bilevel.weight_step(batch(1))
    before = [weight.detach().clone() for weight in bilevel.weights]
    addresses = [weight.data_ptr() for weight in bilevel.weights]
    bilevel.alpha_step(batch(1), batch(2))
    assert all(map(torch.equal, before, bilevel.weights))
    assert addresses == [weight.data_ptr() for weight in bilevel.weights]
    assert all(weight.grad is None and weight.requires_grad for weight in bilevel.weights)


class Failure(Exception):
    pass


@pytest.mark.parametrize("order, call", [(1, 1), (2, 1), (2, 2), (2, 3), (2, 4)])
def test_a_failure_leaves_the_weights_as_they_were(order, call):
    """In the step itself, in the unrolled loss, and on either side of the product."""
    net = network()
    bilevel = optimizer(net, order)
    bilevel.weight_step(batch(1))
    before = [weight.detach().clone() for weight in bilevel.weights]
    loss, calls = net.loss, []

    def failing(*arguments):
        calls.append(1)
        if len(calls) == call:
            raise Failure
        return loss(*arguments)

    net.loss = failing
    with pytest.raises(Failure):
        bilevel.alpha_step(batch(1), batch(2))
    assert all(map(torch.equal, before, bilevel.weights))
    assert all(weight.requires_grad and weight.grad is None for weight in bilevel.weights)


def test_no_network_is_copied(monkeypatch):
    def refused(*arguments):
        raise AssertionError("copied")

    net = network()
    bilevel = optimizer(net, 2)
    for module in (Supernet, MergedCell):
        monkeypatch.setattr(module, "__init__", refused)
    monkeypatch.setattr(copy, "deepcopy", refused)
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", refused)
    bilevel.step(batch(1), batch(2))


def test_a_step_moves_alphas_by_validation_and_weights_by_training():
    net = network()
    bilevel = optimizer(net)
    seen = []
    loss, training_loss = net.loss, net.training_loss
    net.loss = lambda images, mixing: (seen.append(("loss", images)), loss(images, mixing))[1]
    net.training_loss = lambda images, mixing: (
        seen.append(("training_loss", images)), training_loss(images, mixing))[1]
    train, valid = batch(1), batch(2)
    trained, validated = bilevel.step(train, valid)
    assert [(name, images is train) for name, images in seen] == [
        ("loss", False), ("training_loss", True)]
    assert trained.loss != validated.loss
    assert all(weight.grad is None for weight in bilevel.weights)


def test_weights_are_clipped_together():
    net = network()
    bilevel = optimizer(net, clip_norm=1e-3)
    bilevel.weight_optimizer.param_groups[0].update(weight_decay=0.0)
    before = [weight.detach().clone() for weight in bilevel.weights]
    bilevel.weight_step(batch(1))
    moved = torch.cat([(a - b).flatten() for a, b in zip(before, bilevel.weights)]).norm()
    assert moved.item() == pytest.approx(0.05 * 1e-3, rel=1e-3)


def test_the_unrolled_step_leaves_unmoved_weights_alone():
    torch.manual_seed(0)
    net = RecurrentSupernet(FastRecurrentCell, vocabulary=7, hidden=4, dropout=0.0,
                            dropout_words=0.0, dropout_embedding=0.0, dropout_hidden=0.0,
                            dropout_input=0.0).double()
    tied = net.encoder.weight
    tokens = torch.randint(0, 7, (3, 2))
    text = tokens, tokens.flatten(), torch.zeros(1, 2, 4, dtype=torch.float64)
    seen = []
    loss = net.loss
    net.loss = lambda *arguments: (
        seen.append([weight.detach().clone() for weight in net.parameters()]),
        loss(*arguments))[1]
    optimizer(net, 2, clip_unrolled=True, unmoved=[tied]).second_order(text, text)
    there, ahead = seen[:2]
    for name, before, after in zip(dict(net.named_parameters()), there, ahead):
        assert torch.equal(before, after) == (net.get_parameter(name) is tied)


def test_the_order_is_1_or_2():
    with pytest.raises(ValueError, match="order must be 1 or 2, not 3"):
        optimizer(network(), 3)
