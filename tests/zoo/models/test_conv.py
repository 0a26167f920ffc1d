"""The networks: sizes of every operation, the auxiliary head, drop-path, the golden cases."""

import functools
import json
from pathlib import Path

import pytest
import torch
from torch import nn

import zoo
from tests import golden
from tests.golden import compare
from zoo.genotypes.cell import Cell as CellGenotype
from zoo.genotypes.conv import CONV_OPERATIONS
from zoo.models.conv import Cell, output_nodes
from zoo.models.operations import FactorizedReduce, operation

GOLDEN = json.loads(Path(golden.__file__).with_name("networks.json").read_text())
CELLS = ["NASNet", "AmoebaNet", "DARTS", "DARTS_V2", "FairDARTS_a", "SNAS_aggressive",
         "ENAS_micro_released", "NAONet_B", "LaNet_C10", "GDAS_F1", "AmoebaNet_B_google"]


def small(cell, network="cifar", **settings):
    torch.manual_seed(0)
    return zoo.create_model(cell, network=network, **{"channels": 4, "layers": 3, "num_classes": 5,
                                                      **settings})


# --- golden -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['network']}-{case['genotype']}")
def test_outputs_equal_those_of_the_2018_definition(case):
    row = compare.row(case)
    assert row.error <= 1e-9, row.note


# --- operations ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(8, 8), (7, 7), (6, 9), (3, 2), (1, 1)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", CONV_OPERATIONS)
def test_an_operation_keeps_channels_and_rounds_sizes_up(name, stride, size):
    module = operation(name, 8, stride).eval()
    output = module(torch.randn(2, 8, *size))
    assert output.shape == (2, 8, *(-(-side // stride) for side in size))
    assert output.isfinite().all()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("size", [1, 4, 7])
def test_an_average_does_not_count_the_padding(kernel, stride, size):
    module = operation(f"avg_pool_{kernel}x{kernel}", 3, stride)
    output = module(torch.full((1, 3, size, size), 2.0))
    assert torch.allclose(output, torch.full_like(output, 2.0))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [2, 3])
def test_a_maximum_never_sees_the_padding(kernel, stride):
    output = operation(f"max_pool_{kernel}x{kernel}", 3, stride)(torch.full((1, 3, 5, 5), -2.0))
    assert torch.equal(output, torch.full_like(output, -2.0))


def test_a_factorized_reduce_reads_every_pixel():
    module = operation("skip_connect", 4, 2).eval()
    images = torch.rand(1, 4, 7, 6, requires_grad=True)
    module(images).sum().backward()
    # Of each 2x2 block the halves read two pixels: (0, 0) and, shifted, (1, 1).
    read = images.grad.abs().sum(dim=1)[0] > 0
    assert read[0::2, 0::2].all() and read[1::2, 1::2].all()


# --- networks -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("size", [32, 15, 5, 1])
def test_a_network_takes_any_size(name, size):
    model = small(name).eval()
    with torch.no_grad():
        logits = model(torch.randn(2, 3, size, size))
    assert logits.shape == (2, 5) and logits.isfinite().all()


@pytest.mark.parametrize("name", ["DARTS", "NASNet", "AmoebaNet_C_google"])
@pytest.mark.parametrize("size", [64, 33, 8])
def test_an_imagenet_network_takes_any_size(name, size):
    model = small(name, "imagenet").eval()
    assert model(torch.randn(1, 3, size, size)).shape == (1, 5)


def test_input_channels_may_differ():
    gray, six = small("DARTS", in_channels=1), small("DARTS", "imagenet", in_channels=6)
    assert gray.eval()(torch.randn(2, 1, 8, 8)).shape == (2, 5)
    assert six.eval()(torch.randn(1, 6, 64, 64)).shape == (1, 5)


@pytest.mark.parametrize("network, size", [("cifar", 32), ("cifar", 4), ("imagenet", 64)])
def test_the_auxiliary_head_speaks_in_training_only(network, size):
    model = small("DARTS", network, auxiliary=True)
    images = torch.randn(2, 3, size, size)
    logits, auxiliary = model.train()(images)
    assert logits.shape == auxiliary.shape == (2, 5)
    assert model.eval()(images).shape == (2, 5)
    assert small("DARTS", network).train()(images).shape == (2, 5)


def test_the_imagenet_auxiliary_head_lacks_its_last_norm_as_published():
    norms = {network: sum(isinstance(module, torch.nn.BatchNorm2d) for module in
                          small("DARTS", network, auxiliary=True).auxiliary_head.modules())
             for network in ("cifar", "imagenet")}
    assert norms == {"cifar": 2, "imagenet": 1}


def test_reductions_stand_at_thirds_of_the_depth():
    for layers, expected in ((20, [6, 13]), (8, [2, 5]), (14, [4, 9]), (5, [1, 3])):
        model = small("DARTS", layers=layers)
        assert [i for i, cell in enumerate(model.cells) if cell.reduction] == expected


def test_a_genotype_can_be_given_itself():
    assert small(zoo.genotype("DARTS")).genotype == zoo.genotype("DARTS_V1")


# --- drop-path ----------------------------------------------------------------------------


def normal_cell(nodes):
    return Cell(CellGenotype(nodes, [2]), 4, 4, 4, reduction=False, reduction_prev=False).train()


def test_drop_path_spares_identities():
    module = normal_cell([[("skip_connect", 0), ("skip_connect", 1)]])
    images = torch.randn(64, 4, 4, 4)
    whole = module(images, images)
    module.drop_path.probability = 0.9
    assert torch.equal(module(images, images), whole)


def test_drop_path_drops_whole_paths_and_keeps_the_mean():
    torch.manual_seed(0)
    module = normal_cell([[("avg_pool_3x3", 0)]])
    images = torch.randn(1, 4, 4, 4).expand(512, 4, 4, 4)
    whole = module(images, images)
    module.drop_path.probability = 0.25
    dropped = module(images, images)
    kept = dropped.flatten(1).abs().sum(1) > 0
    assert 0.68 < kept.float().mean() < 0.82
    assert torch.allclose(dropped[kept], whole[kept] / 0.75, atol=1e-6)


def test_drop_path_does_nothing_in_eval_or_at_zero():
    model = small("DARTS", drop_path=0.5).eval()
    assert all(cell.drop_path.probability == 0.5 for cell in model.cells)
    images = torch.randn(4, 3, 8, 8)
    once = model(images)
    assert torch.equal(once, model(images))
    model.train().set_drop_path(0.0)
    assert torch.equal(model(images), model(images))


# --- nodes without edges ------------------------------------------------------------------


def test_nodes_without_edges_leave_the_concatenation():
    normal = zoo.genotype("FairDARTS_a").normal
    assert normal.concat == (2, 3, 4, 5) and output_nodes(normal) == (2, 4, 5)


def test_nodes_of_none_edges_are_zeros_of_the_right_size():
    model = small("SNAS_aggressive").eval()
    reduced = model.cells[1]
    states = torch.randn(2, reduced.preprocess0.op[1].in_channels, 8, 8)
    output = reduced(states, torch.randn(2, reduced.preprocess1.op[1].in_channels, 8, 8))
    assert output.shape == (2, 4 * 8, 4, 4)
    assert (output[:, 16:] == 0).all() and (output[:, :16] != 0).any()


# --- settings -----------------------------------------------------------------------------


@pytest.mark.parametrize("settings, message", [
    ({"network": "vgg"}, "unknown network 'vgg'; there are cifar, imagenet, nasbench201"),
    ({"channels": 0}, "channels must be a whole number of at least 1, not 0"),
    ({"layers": 2.5}, "layers must be a whole number"),
    ({"drop_path": 1.0}, r"drop_path must be a probability in \[0, 1\), not 1.0"),
    ({"chanels": 4}, "the cifar network has no setting 'chanels'"),
    ({"network": "imagenet", "channels": 1}, "at least 2 channels"),
])
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        zoo.create_model("DARTS", **settings)


def test_a_genotype_of_the_wrong_kind_is_refused():
    with pytest.raises(ValueError, match="needs a convolutional genotype.*network='language'"):
        zoo.create_model("ENAS_RNN")
    with pytest.raises(ValueError, match="needs a recurrent genotype"):
        zoo.create_model("DARTS", network="language")


@pytest.mark.parametrize("size", [8, 7])
def test_a_reduction_with_gradients_is_the_strided_one(size):
    module = FactorizedReduce(8, 8).double()
    x = torch.randn(3, 8, size, size, dtype=torch.float64, requires_grad=True)
    found = []
    for strided in (False, True):
        for convolution in (module.conv_1, module.conv_2):
            if strided:
                convolution.forward = functools.partial(nn.Conv2d.forward, convolution)
        y = module(x)
        found.append([y, *torch.autograd.grad(y.square().sum(), [x, *module.parameters()])])
    for ours, plain in zip(*found):
        torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize("training", [True, False])
def test_no_strided_pointwise_convolution_has_a_gradient_on_a_cpu(training):
    """oneDNN would write past its memory, which only some machines show."""
    module = FactorizedReduce(6, 6).train(training)
    y = module(torch.randn(2, 6, 8, 8))
    seen, left = [], [y.grad_fn]
    while left:
        function = left.pop()
        if function.name() == "ConvolutionBackward0":
            seen.append(tuple(function._saved_stride))
        left += [following for following, _ in function.next_functions if following]
    assert seen == [(1, 1), (1, 1)]
