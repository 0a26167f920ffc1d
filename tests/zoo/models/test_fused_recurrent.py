"""The fused recurrent cell and decoder loss equal their references."""

import pytest
import torch
import torch.nn.functional as F

import zoo
from zoo.genotypes.cell import Cell
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.models import fused_recurrent
from zoo.models.fused_recurrent import plan
from zoo.models.recurrent import HighwayCell, RecurrentCell
from zoo.training import losses

RECURRENT = [name for name in zoo.list_cells("*") if zoo.genotype(name).kind == "recurrent"]
# Every activation, an unused node, an output that skips nodes.
ODD = RecurrentGenotype(Cell([[("none", 0)], [("identity", 0)], [("sigmoid", 2)], [("tanh", 1)],
                              [("relu", 2)], [("relu", 0)]], [2, 4, 5]))


def assert_same(left, right, limit=1e-10):
    for a, b in zip(left, right, strict=True):
        assert (a - b).abs().max() <= limit * b.abs().max().clamp_min(1e-6)


def cell_of(genotype, **dropouts):
    torch.manual_seed(0)
    cell = RecurrentCell(genotype, 7, 6, **dropouts).double()
    with torch.no_grad():
        for weight in cell.parameters():
            weight.mul_(20)  # far from linear
    return cell


def results(forward, cell, time=9):
    """Outputs, the last state, and the gradients of inputs, first state and weights."""
    torch.manual_seed(1)
    inputs = torch.randn(time, 5, 7, dtype=torch.float64, requires_grad=True)
    hidden = torch.randn(1, 5, 6, dtype=torch.float64, requires_grad=True)
    outputs, last = forward(inputs, hidden)
    loss = (outputs * torch.randn_like(outputs)).sum() + last.pow(3).sum()
    return [outputs, last,
            *torch.autograd.grad(loss, [inputs, hidden, *cell.parameters()],
                                 materialize_grads=True)]  # zeros for an unused node


def step_after_step(cell):
    return lambda inputs, hidden: HighwayCell.forward(cell, inputs, hidden)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("genotype", [*map(zoo.genotype, RECURRENT), ODD], ids=[*RECURRENT, "odd"])
def test_the_sequence_equals_single_steps(genotype, mode):
    cell = getattr(cell_of(genotype, dropout_hidden=0.25, dropout_input=0.4), mode)()
    plain = results(step_after_step(cell), cell)
    assert_same(results(cell, cell), plain)
    assert plain[0].abs().max() > 0.1


def test_gradients_of_all_time_steps_at_once(monkeypatch):
    cell = cell_of(ODD, dropout_hidden=0.2)
    found = results(cell, cell)
    monkeypatch.setattr(fused_recurrent, "_STEPS_AT_ONCE", 100)  # as on a GPU
    assert_same(results(cell, cell), found)


def test_dropouts_alone_and_a_single_step():
    for dropouts in ({"dropout_hidden": 0.3}, {"dropout_input": 0.3}):
        cell = cell_of(ODD, **dropouts)
        assert_same(results(cell, cell, 1), results(step_after_step(cell), cell, 1))


def test_nodes_of_one_source_are_one_group():
    found = plan(zoo.genotype("DARTS_V2_RNN").recurrent.edges, range(1, 9))
    # sources 0, 1 (three nodes), 2, 3 and 5, of which the last has two
    assert [len(group.members) for group in found.groups] == [1, 3, 1, 1, 2]
    assert found.averaged == tuple(range(1, 9)) and found.nodes == 9


def test_with_bfloat16_products_it_is_nearly_the_same():
    cell = RecurrentCell(zoo.genotype("DARTS_V2_RNN"), 32, 32, 0.2, 0.2)
    inputs, hidden = torch.randn(12, 8, 32), torch.zeros(1, 8, 32)
    found = []
    for enabled in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            outputs, _ = cell(inputs, hidden)
        found.append([outputs, *torch.autograd.grad(outputs.square().sum(), cell._W0)])
        assert outputs.dtype == torch.float32
    assert_same(found[1], found[0], 0.02)
    assert not torch.equal(found[1][0], found[0][0])


@pytest.mark.parametrize("words", [20, losses.LARGE + 100])
def test_the_decoders_loss_is_cross_entropy(words, monkeypatch):
    monkeypatch.setitem(losses._LOGITS_AT_ONCE, "cpu", 10 * words + 5)  # of 77 rows, ten
    torch.manual_seed(0)
    states, weight, bias = (torch.randn(*shape, dtype=torch.float64, requires_grad=True)
                            for shape in ((77, 9), (words, 9), (words,)))
    targets = torch.randint(words, (77,))
    found = []
    for loss in (losses.decoder_loss(states, weight, bias, targets),
                 F.cross_entropy(F.linear(states, weight, bias), targets)):
        found.append([loss, *torch.autograd.grad(3 * loss, [states, weight, bias])])
    assert_same(*found)
    with torch.no_grad():
        assert losses.decoder_loss(states, weight, bias, targets).item() == pytest.approx(
            found[1][0].item(), rel=1e-12)
