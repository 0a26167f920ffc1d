"""The depthwise convolutions of training equal torch's, gradients included."""

import pytest
import torch
import torch.nn.functional as F

from zoo.models import depthwise as depthwise_module
from zoo.models.depthwise import depthwise, depthwise_each, join_phases, phases


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("height, width", [(8, 8), (7, 9), (4, 5), (2, 3), (1, 1)])
def test_depthwise_convolutions(kernel, stride, height, width):
    torch.manual_seed(4)
    x = torch.randn(2, 3, height, width, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    mine = depthwise(x, weight, stride)
    plain = F.conv2d(x, weight, None, stride, kernel // 2, groups=3)
    assert torch.allclose(mine, plain, rtol=1e-12, atol=1e-12)
    cotangent = torch.randn_like(plain)
    for a, b in zip(torch.autograd.grad(mine, (x, weight), cotangent),
                    torch.autograd.grad(plain, (x, weight), cotangent)):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("small", [True, False])  # all maps at once, or one by one
@pytest.mark.parametrize("stride, count", [(1, 3), (2, 3), (2, 1)])
@pytest.mark.parametrize("kernel", [3, 5])
def test_many_depthwise_convolutions_at_once(small, stride, count, kernel, monkeypatch):
    monkeypatch.setattr(depthwise_module, "_SMALL", 2**17 if small else 0)
    torch.manual_seed(5)
    maps = [torch.randn(2, 3, 7, 6, dtype=torch.float64, requires_grad=True) for _ in range(count)]
    weights = torch.randn(3, 3, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    mine = torch.stack(list(depthwise_each(maps, weights, stride)))
    plain = torch.stack([F.conv2d(x, weight, None, stride, kernel // 2, groups=3)
                         for x, weight in zip(maps * (3 // count), weights)])
    assert torch.allclose(mine, plain, rtol=1e-12, atol=1e-12)
    cotangent = torch.randn_like(plain)
    for a, b in zip(torch.autograd.grad(mine, (*maps, weights), cotangent),
                    torch.autograd.grad(plain, (*maps, weights), cotangent)):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("of_x, of_weight", [(True, False), (False, True)])
def test_depthwise_gradients_one_at_a_time(of_x, of_weight):
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64, requires_grad=of_x)
    weight = torch.randn(3, 1, 5, 5, dtype=torch.float64, requires_grad=of_weight)
    leaf = x if of_x else weight
    mine, = torch.autograd.grad(depthwise(x, weight).square().sum(), leaf)
    plain, = torch.autograd.grad(F.conv2d(x, weight, None, 1, 2, groups=3).square().sum(), leaf)
    assert torch.allclose(mine, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [3, 5])
def test_depthwise_convolutions_under_autocast_work_in_one_type(kernel, monkeypatch):
    types = []
    gradients = depthwise_module._gradients
    monkeypatch.setattr(depthwise_module, "_gradients", lambda *arguments: (
        types.extend(value.dtype for value in arguments[:3]), gradients(*arguments))[1])
    x = torch.randn(2, 3, 6, 6).bfloat16().requires_grad_()
    weight = torch.randn(3, 1, kernel, kernel, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        mine = depthwise(x, weight)
    of_x, of_weight = torch.autograd.grad(mine.float().square().sum(), (x, weight))
    assert set(types) == {torch.bfloat16}
    assert (of_x.dtype, of_weight.dtype) == (torch.bfloat16, torch.float32)
    plain = F.conv2d(x.float(), weight, None, 1, kernel // 2, groups=3)
    wanted, = torch.autograd.grad(plain.square().sum(), weight)
    assert (of_weight - wanted).abs().max() < 0.05 * wanted.abs().max()


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_strided_depthwise_gradients_in_bfloat16(kernel):
    x, weight = torch.randn(2, 3, 7, 8), torch.randn(3, 1, kernel, kernel)
    leaves = [value.bfloat16().requires_grad_() for value in (x, weight)]
    mine = torch.autograd.grad(depthwise(*leaves, 2).float().square().sum(), leaves)
    exact = [value.detach().double().requires_grad_() for value in leaves]
    plain = F.conv2d(*exact, None, 2, kernel // 2, groups=3)
    for a, b in zip(mine, torch.autograd.grad(plain.square().sum(), exact)):
        assert (a - b).abs().max() < 0.05 * b.abs().max()


@pytest.mark.parametrize("height, width", [(6, 8), (5, 7), (1, 4)])
def test_phases_are_put_together_again(height, width):
    x = torch.randn(2, 3, height, width)
    assert phases(x).shape == (8, 3, (height + 1) // 2, (width + 1) // 2)
    assert torch.equal(join_phases(phases(x), (height, width)), x)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("height, width", [(8, 8), (7, 10), (5, 5)])
def test_on_phases_a_plain_convolution_is_a_dilated_one(kernel, height, width):
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    weight = torch.randn(3, 1, kernel, kernel, dtype=torch.float64)
    dilated = F.conv2d(x, weight, None, 1, 2 * (kernel // 2), 2, groups=3)
    mine = join_phases(depthwise(phases(x), weight), (height, width))
    assert torch.allclose(mine, dilated, rtol=1e-12, atol=1e-12)
