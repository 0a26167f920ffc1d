"""Every rewrite is exact: float64, random weights and inputs, even and odd sizes."""

import pytest
import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from export.network import rewrites
from export.network.deploy import deploy, trace
from tests.export.conftest import images_of, trained_looking
from zoo.genotypes.cell import Cell
from zoo.genotypes.conv import CONV_OPERATIONS, STOCHASTIC_OPERATIONS, ConvGenotype
from zoo.models.operations import FactorizedReduce, Pool, operation

SIZES = [(8, 8), (7, 7), (9, 6), (5, 10)]


def traced(module, size, channels=6):
    module = nn.Sequential(module.double().eval())
    graph = trace(module)
    ShapeProp(graph).propagate(torch.zeros(1, channels, *size, dtype=torch.float64))
    return module, graph


def assert_equal(module, graph, size, channels=6):
    x = torch.randn(3, channels, *size, dtype=torch.float64)
    with torch.no_grad():
        expected, found = module(x), graph(x)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def randomized(module):
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean, -1, 1)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.uniform_(norm.bias, -1, 1)
    return module


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", [
    name for name in CONV_OPERATIONS if name != "none" and name not in STOCHASTIC_OPERATIONS])
def test_every_operation_survives_all_rewrites(name, stride, size):
    module, graph = traced(randomized(operation(name, 6, stride)), size)
    rewrites.apply(graph)
    assert_equal(module, graph, size)
    leaves = {type(m) for m in graph.modules()}
    assert not leaves & {nn.BatchNorm2d, FactorizedReduce, Pool}


@pytest.mark.parametrize("size", SIZES)
def test_factorized_reduce_is_one_strided_convolution(size):
    module, graph = traced(randomized(FactorizedReduce(6, 7)), size)
    assert rewrites.merge_factorized_reduce(graph) == 1
    graph.recompile()
    graph.delete_all_unused_submodules()
    assert_equal(module, graph, size)
    assert [m.stride for m in graph.modules() if isinstance(m, nn.Conv2d)] == [(2, 2)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel", [3, 5])
def test_dilation_with_stride_is_split(kernel, size):
    module, graph = traced(operation(f"dil_conv_{kernel}x{kernel}", 6, 2), size)
    assert rewrites.split_dilated_stride(graph) == 1
    graph.recompile()
    graph.delete_all_unused_submodules()
    assert_equal(module, graph, size)
    assert all(max(m.dilation) == 1 for m in graph.modules() if isinstance(m, nn.Conv2d))


@pytest.mark.parametrize("padding", [0, 1, 4])
def test_other_padding_of_a_dilated_convolution_is_kept(padding):
    module, graph = traced(nn.Conv2d(6, 6, 3, stride=2, dilation=2, padding=padding), (9, 8))
    assert rewrites.split_dilated_stride(graph) == 0
    rewrites.apply(graph)
    assert_equal(module, graph, (9, 8))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel, stride", [(3, 2), (5, 2), (2, 1), (2, 2)])
def test_average_pool_keeps_its_counts(kernel, stride, size):
    module, graph = traced(Pool("average", kernel, stride), size)
    rewrites.mask_average_pools(graph)
    graph.recompile()
    assert_equal(module, graph, size)


def test_grouped_convolution_becomes_dense():
    module, graph = traced(randomized(operation("grouped_conv_1x3_3x1", 16, 2)), (8, 8), 16)
    assert rewrites.densify_groups(graph) == 2
    graph.recompile()
    assert_equal(module, graph, (8, 8), 16)


def test_dead_operations_are_dropped_and_repeated_ones_shared():
    used = (("sep_conv_3x3", 1), ("sep_conv_3x3", 1))
    cell = Cell([used, [("conv_3x3", 0)]], [2])  # node 3 is unused
    model = trained_looking(ConvGenotype(cell, cell), layers=3)
    deployed = deploy(model, images_of(8))
    made = {rewrite.rewrite: rewrite.count for rewrite in deployed.rewrites}
    assert made["dead operation dropped"] >= 3  # the convolutions of node 3 in three cells
    assert made["repeated operation shared"] >= 3  # the ReLU before both separable ones
    assert "conv_3x3" not in deployed.module.network.code


def test_zero_nodes_are_exact_for_any_batch():
    cell = Cell([[("none", 0), ("none", 1)], [("skip_connect", 2), ("conv_1x1", 1)]], [2, 3])
    model = trained_looking(ConvGenotype(cell, cell), layers=3).double()
    deployed = deploy(model, images_of(8)).module.double()
    pixels = torch.rand(4, 8, 8, 3, dtype=torch.float64) * 255
    with torch.no_grad():
        expected = model(((pixels / 255 - 0.4) / 0.3).permute(0, 3, 1, 2))
        torch.testing.assert_close(deployed(pixels)[0], expected, rtol=1e-6, atol=1e-6)


def test_deploy_does_not_change_the_model():
    model = trained_looking("DARTS").train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    deploy(model, images_of(8))
    assert model.training
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def test_too_small_images_are_refused():
    with pytest.raises(ValueError, match="3 channels"):
        deploy(trained_looking("DARTS", in_channels=1), images_of(8))


def test_trace_has_no_auxiliary_head():
    graph = trace(trained_looking("DARTS", auxiliary=True).double())
    assert isinstance(graph, fx.GraphModule)
    assert "auxiliary" not in graph.code
