"""The convolutional supernet: the merged cell equals the plain one, operation by operation."""

import copy
import random

import pytest
import torch

from search.spaces.discretize import CONV_OPERATIONS, all_operations, edges, one_hot
from search.spaces.space import ConvSpace
from search.strategies.pc_darts import EdgeNormalized
from search.supernets.conv import Supernet
from search.supernets.conv_fused import MergedCell, PartialCell, shuffle
from search.supernets.conv_reference import PartialOperation, PlainCell, PlainPartialCell
from search.supernets.normalized import (
    normalized_each,
    normalized_each_reference,
    normalized_sum,
    normalized_sum_reference,
    weighted_sum,
)


def pair(plain_cell=PlainCell, cell=MergedCell, kind=Supernet, channels=4, layers=3, inputs=3,
         operations=8):
    """The plain and the merged supernet in float64, with the same weights and alphas."""
    torch.manual_seed(0)
    plain, merged = (kind(one, channels, layers, 5, inputs, operations).double()
                     for one in (plain_cell, cell))
    merged.load_plain(plain.state_dict())
    with torch.no_grad():
        for name, table in plain.alphas.items():
            merged.alphas[name].copy_(table.normal_())
    return plain, merged


def batch(size, inputs=3, count=3):
    torch.manual_seed(1)
    return torch.randn(count, inputs, size, size, dtype=torch.float64), torch.arange(count) % 5


def gradients_as_weights(plain):
    """A copy of `plain` whose weights are the gradients of `plain`'s."""
    carrier = copy.deepcopy(plain)
    with torch.no_grad():
        for mine, theirs in zip(carrier.parameters(), plain.parameters()):
            mine.copy_(torch.zeros_like(mine) if theirs.grad is None else theirs.grad)
    return carrier.state_dict()


def differences(plain, merged, images, mixing=None):
    """The largest relative difference of logits, loss, and gradients of alphas and weights."""
    outcomes = []
    for net in (plain, merged):
        torch.manual_seed(2)  # the same noise
        outcomes.append(net.loss(images, mixing or net.mixing()))
        outcomes[-1].loss.backward()
    found = [(outcomes[0].logits, outcomes[1].logits), (outcomes[0].loss, outcomes[1].loss)]
    if mixing is None:
        found += [(plain.alphas[name].grad, merged.alphas[name].grad) for name in plain.alphas]
    wanted = copy.deepcopy(merged)
    wanted.load_plain(gradients_as_weights(plain))  # in the layout of the merged net
    found += [(value, torch.zeros_like(value) if own.grad is None else own.grad)
              for value, own in zip(wanted.parameters(), merged.parameters())]
    return max(((a - b).abs().max() / a.abs().max().clamp_min(1e-3)).item() for a, b in found)


@pytest.mark.parametrize("size, inputs, layers", [(16, 3, 3), (15, 1, 3), (9, 2, 5), (8, 3, 5),
                                                  (5, 1, 3)])
def test_the_merged_cell_computes_what_the_plain_one_does(size, inputs, layers):
    plain, merged = pair(layers=layers, inputs=inputs)
    assert differences(plain, merged, batch(size, inputs)) < 1e-10


@pytest.mark.parametrize("cells, kind", [((PlainCell, MergedCell), Supernet),
                                         ((PlainPartialCell, PartialCell), EdgeNormalized)])
def test_with_noise_as_an_operation(cells, kind):
    plain, merged = pair(*cells, kind, 8, operations=len(all_operations("conv")))
    assert plain.alphas["normal"].shape == (14, 9)
    assert differences(plain, merged, batch(7)) < 1e-10
    # It says nothing about the image.
    noisy = {name: torch.zeros_like(table) for name, table in merged.mixing().items()}
    for table in noisy.values():
        table[:, -1] = 1
    images, _ = batch(8)
    images.requires_grad_()
    logits = []
    for _ in range(2):
        logits.append(merged(images, noisy))
    assert not torch.equal(*logits)
    if kind is Supernet:
        assert not torch.autograd.grad(logits[0].sum(), images, allow_unused=True)[0]


@pytest.mark.parametrize("size", [8, 5])
def test_with_the_edges_of_a_genotype_only(size):
    plain, merged = pair()
    mixing = one_hot(ConvSpace().sample(random.Random(4)), plain.alphas)
    assert differences(plain, merged, batch(size), mixing) < 1e-10


def test_a_cell_without_operations_is_zero():
    _, merged = pair()
    mixing = {name: torch.zeros_like(table) for name, table in merged.alphas.items()}
    assert torch.equal(merged(batch(8)[0], mixing), merged.classifier.bias.expand(3, -1))


@pytest.mark.parametrize("name", CONV_OPERATIONS)
@pytest.mark.parametrize("size", [8, 7])
def test_every_operation_alone(name, size):
    plain, merged = pair(layers=3)
    mixing = {cell: torch.zeros_like(table) for cell, table in plain.alphas.items()}
    for table in mixing.values():
        table[:, CONV_OPERATIONS.index(name)] = 0.7
    assert differences(plain, merged, batch(size), mixing) < 1e-10


def test_nothing_is_computed_for_an_operation_of_weight_zero():
    _, merged = pair()
    genotype = ConvSpace().sample(random.Random(4))
    used = {operation for cell in genotype.cells().values() for operation, _ in cell.edges}
    merged.loss(batch(8), one_hot(genotype, merged.alphas)).loss.backward()
    for cell, kind in zip(merged.cells, merged.kinds):
        names = {operation for operation, _ in genotype.cells()[kind].edges}
        for name, table in cell.depthwise.items():
            assert (table.grad is not None) == (name.removesuffix("_2") in names)
    assert used - {"skip_connect", "max_pool_3x3", "avg_pool_3x3"}


def test_alphas_follow_the_network_and_stay_out_of_its_state():
    net = Supernet(MergedCell, channels=4, layers=3)
    net.double()
    assert all(table.dtype == torch.float64 and table.is_leaf and table.requires_grad
               for table in net.alphas.values())
    assert not any("alphas" in key for key in net.state_dict())
    own = {id(weight) for weight in net.parameters()}
    assert not own & {id(table) for table in net.alphas.values()}
    assert not list(net.buffers())  # batch-norms of a search have no running statistics


# --- PC-DARTS ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size, inputs, layers", [(16, 3, 3), (9, 1, 5), (5, 2, 3)])
def test_the_partial_cell_computes_what_the_plain_one_does(size, inputs, layers):
    plain, merged = pair(PlainPartialCell, PartialCell, EdgeNormalized, 8, layers, inputs)
    assert differences(plain, merged, batch(size, inputs)) < 1e-10


def test_the_partial_cell_with_the_edges_of_a_genotype_only():
    plain, merged = pair(PlainPartialCell, PartialCell, EdgeNormalized, 8)
    like = {name: plain.alphas[name] for name in ("normal", "reduce")}
    mixing = one_hot(ConvSpace().sample(random.Random(4)), like)
    assert differences(plain, merged, batch(7), mixing) < 1e-10


def test_edges_are_normalized_node_by_node():
    torch.manual_seed(0)
    net = EdgeNormalized(PartialCell, channels=4, layers=3)
    for table in net.mixing().values():
        of_edges = table.sum(1)
        for node in range(4):
            rows = [row for row, (at, _) in enumerate(edges("conv")) if at == node]
            assert of_edges[rows].sum().item() == pytest.approx(1)


def test_three_quarters_of_the_channels_pass_by():
    """An edge of weight w without operations gives w times its input, shuffled."""
    edge = PartialOperation(8, 1).double()
    x = torch.randn(2, 8, 5, 5, dtype=torch.float64)
    weights = torch.zeros(8, dtype=torch.float64)
    weights[CONV_OPERATIONS.index("none")] = 0.3
    passed = torch.cat([torch.zeros_like(x[:, :2]), 0.3 * x[:, 2:]], dim=1)
    assert torch.equal(edge(x, weights), shuffle(passed, 4))
    order = shuffle(torch.arange(8.0).view(1, 8, 1, 1), 4).flatten().tolist()
    assert order == [0, 2, 4, 6, 1, 3, 5, 7]


def test_channels_that_cannot_be_split():
    with pytest.raises(ValueError, match="6 channels cannot be split into 4 parts; use a multiple"):
        Supernet(PartialCell, channels=6, layers=3)


# --- sums of normalized maps ------------------------------------------------------------------


def terms(dtype, count=3, c_in=6, c_out=5, size=7):
    torch.manual_seed(2)
    weights = [torch.randn((), dtype=torch.float64).to(dtype) for _ in range(count)]
    matrices = [torch.randn(c_out, c_in, dtype=torch.float64).to(dtype) for _ in range(count)]
    maps = [(torch.randn(4, c_in, size, size, dtype=torch.float64) + 1).to(dtype)
            for _ in range(count)]
    return [[value.requires_grad_() for value in part] for part in (weights, matrices, maps)]


def value_and_gradients(function, parts, cotangent):
    value = function(*parts)
    leaves = [leaf for part in parts for leaf in part]
    return [value, *torch.autograd.grad((value * cotangent).sum(), leaves)]


@pytest.mark.parametrize("dtype, limit", [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_normalized_sums_equal_their_definition(dtype, limit):
    parts = terms(dtype)
    cotangent = torch.randn(4, 5, 7, 7, dtype=dtype)
    fast, plain = (value_and_gradients(function, parts, cotangent)
                   for function in (normalized_sum, normalized_sum_reference))
    for a, b in zip(fast, plain, strict=True):
        assert a.dtype == b.dtype == dtype
        assert (a - b).abs().max() <= limit * b.abs().max().clamp_min(1e-2)


@pytest.mark.parametrize("dtype, limit", [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_normalized_maps_equal_their_definition(dtype, limit):
    _, matrices, maps = terms(dtype)
    cotangents = torch.randn(3, 4, 5, 7, 7, dtype=dtype)
    fast, plain = (value_and_gradients(
        lambda matrices, maps, f=function: torch.stack(list(f(torch.stack(matrices), maps))),
        [matrices, maps], cotangents) for function in (normalized_each, normalized_each_reference))
    for a, b in zip(fast, plain, strict=True):
        assert a.dtype == b.dtype == dtype
        assert (a - b).abs().max() <= limit * b.abs().max().clamp_min(1e-2)


def test_normalized_sums_pass_gradcheck():
    parts = terms(torch.float64, count=2, c_in=2, c_out=3, size=2)
    flat = [leaf for part in parts for leaf in part]
    assert torch.autograd.gradcheck(
        lambda *leaves: normalized_sum(leaves[:2], leaves[2:4], leaves[4:]), flat)


def test_normalized_sums_in_bfloat16_keep_their_statistics_exact():
    parts = terms(torch.bfloat16)
    exact = [[leaf.detach().double() for leaf in part] for part in parts]
    value = normalized_sum(*parts)
    assert value.dtype == torch.bfloat16
    assert (value.double() - normalized_sum_reference(*exact)).abs().max() < 0.1
    for gradient in torch.autograd.grad(value.float().square().sum(), sum(parts, [])):
        assert gradient.isfinite().all()


def test_autocast_does_not_reach_the_statistics():
    """With a mean far from 0, a variance computed in bfloat16 would be inaccurate."""
    torch.manual_seed(3)
    parts = [torch.ones(())], [torch.eye(6)], [torch.randn(4, 6, 7, 7) + 20]
    with torch.autocast("cpu", torch.bfloat16):
        value = normalized_sum(*parts)
        each, = normalized_each(torch.eye(6)[None], parts[2])
    wanted = normalized_sum_reference(*parts)
    assert (value - wanted).abs().max() < 1e-3
    assert (each - wanted.relu()).abs().max() < 1e-3


def test_unneeded_gradients_are_skipped():
    weights, matrices, maps = terms(torch.float64)
    for leaf in matrices + maps[1:]:
        leaf.requires_grad_(False)
    value = normalized_sum(weights, matrices, maps)
    wanted = torch.autograd.grad(normalized_sum_reference(weights, matrices, maps).square().sum(),
                                 [*weights, maps[0]])
    for a, b in zip(torch.autograd.grad(value.square().sum(), [*weights, maps[0]]), wanted):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-10)


def test_weighted_sums():
    weights, _, maps = terms(torch.float64)
    cotangent = torch.randn_like(maps[0])
    fast, plain = (value_and_gradients(function, [weights, maps], cotangent) for function in (
        weighted_sum, lambda weights, maps: sum(w * x for w, x in zip(weights, maps))))
    for a, b in zip(fast, plain, strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)
