"""The fused form of a network equals the network, gradients included."""

import copy

import pytest
import torch

import zoo
from zoo.models import fused_conv

CELLS = [name for name in zoo.list_cells() if zoo.genotype(name).kind == "conv"]


def pair(cell, network="cifar", channels=4, layers=3, **settings):
    """Two equal networks in float64 with non-trivial batch-norms."""
    torch.manual_seed(0)
    plain = zoo.create_model(cell, network, channels=channels, layers=layers, num_classes=5,
                             auxiliary=True, **settings).double()
    with torch.no_grad():
        for value in plain.parameters():
            if value.ndim == 1:
                value.add_(torch.randn_like(value) * 0.3)
    return plain, copy.deepcopy(plain)


def difference(plain, other, images):
    """The largest relative difference of outputs, gradients and running statistics."""
    results = []
    for model, forward in ((plain, plain), (other, lambda x: fused_conv.forward(other, x))):
        torch.manual_seed(1)  # of drop-path
        outputs = forward(images)
        sum((part * torch.arange(1.0, 6.0)).sum() for part in outputs).backward()
        results.append([*outputs, *(value.grad for value in model.parameters()
                                    if value.grad is not None), *model.buffers()])
    assert len(results[0]) == len(results[1])
    return max(float((a - b).detach().abs().max() / (b.detach().abs().max() + 1e-3))
               for a, b in zip(*results))


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell(cell):
    images = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    assert difference(*pair(cell), images) < 1e-9


@pytest.mark.parametrize("size", [7, 9, 16])
@pytest.mark.parametrize("cell", ["DARTS_V2", "NASNet", "PC_DARTS_cifar"])
def test_odd_sizes_and_drop_path(cell, size):
    plain, other = pair(cell, drop_path=0.4)
    assert difference(plain, other, torch.randn(4, 3, size, size, dtype=torch.float64)) < 1e-9


def test_imagenet_networks():
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    assert difference(*pair("DARTS", "imagenet"), images) < 1e-9


def test_bfloat16_is_as_accurate_as_expected():
    plain, other = (model.float() for model in pair("PC_DARTS_cifar", channels=8))
    images = torch.randn(16, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        near, mine = plain(images)[0].float(), fused_conv.forward(other, images)[0].float()
    exact = pair("PC_DARTS_cifar", channels=8)[0](images.double())[0]
    error, unavoidable = (float((x - exact).norm().detach() / exact.norm().detach())
                          for x in (mine, near))
    assert mine.isfinite().all() and error < max(0.1, 2 * unavoidable)


def test_evaluation_and_other_networks_are_not_fused():
    model = zoo.create_model("DARTS", channels=4, layers=3).eval()
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(fused_conv.forward(model, images), model(images))
    plain = torch.nn.Conv2d(3, 2, 1)
    assert torch.equal(fused_conv.forward(plain, images), plain(images))
