"""The supernet of NAS-Bench-201: a one-hot mixing computes the network of that cell."""

import random

import pytest
import torch

from search.spaces.collapse import warnings
from search.spaces.discretize import discretize, edges, one_hot, operations
from search.spaces.nasbench201 import NasBench201Space
from search.supernets.nasbench201 import EdgeSupernet
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.models.factory import build_network

SIZES = {"channels": 3, "layers": 4, "num_classes": 5}


def supernet():
    torch.manual_seed(0)
    return EdgeSupernet(**SIZES).double()


@pytest.mark.parametrize("genotype", [
    *(NasBench201Space().sample(random.Random(seed)) for seed in range(6)),
    NasBench201Genotype.of(*["none"] * 6)], ids=str)
def test_a_one_hot_mixing_computes_the_network_of_that_cell(genotype):
    net = supernet()
    model = build_network(genotype, "nasbench201", **SIZES).double().train()
    own = net.state_dict()
    state = {}
    for name, value in model.state_dict().items():
        parts = name.split(".")
        if "layers" in parts:  # cells.0.layers.3.op.1.weight -> cells.0.layers.3.<column>.op...
            operation = genotype.operations[int(parts[3])]
            parts.insert(4, str(operations("nasbench201").index(operation)))
        state[name] = own.get(".".join(parts), value)  # affine, statistics: its own
    model.load_state_dict(state)
    images = torch.rand(4, 3, 9, 9, dtype=torch.float64)
    mixing = one_hot(genotype, net.mixing())
    assert torch.allclose(net(images, mixing), model(images), rtol=0, atol=1e-10)


def test_operations_of_weight_zero_are_not_computed():
    net = supernet()
    images = torch.rand(3, 3, 8, 8, dtype=torch.float64)
    mixing = {"cell": net.mixing()["cell"].detach()}
    mixing["cell"][2, 3] = 0
    expected = net(images, mixing)
    for parameter in net.cells[0].layers[2][3].parameters():
        parameter.data.fill_(float("nan"))
    assert torch.equal(net(images, mixing), expected)


def test_alphas_get_the_gradient_of_the_loss():
    net = supernet()
    batch = torch.rand(3, 3, 8, 8, dtype=torch.float64), torch.tensor([0, 1, 4])
    table = net.alphas["cell"]
    gradient, = torch.autograd.grad(net.loss(batch, net.mixing()).loss, table)
    for row, column in ((0, 0), (1, 3), (5, 4)):
        sides = []
        for sign in (1, -1):
            moved = table.detach().clone()
            moved[row, column] += sign * 1e-5
            sides.append(net.loss(batch, {"cell": moved.softmax(-1)}).loss.item())
        assert gradient[row, column].item() == pytest.approx((sides[0] - sides[1]) / 2e-5,
                                                             abs=1e-7)


def test_every_edge_keeps_its_strongest_operation_including_none():
    genotype = NasBench201Genotype.of("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3",
                                      "avg_pool_3x3", "none")
    table = one_hot(genotype, {"cell": torch.zeros(6, 5)})
    assert discretize(table) == genotype
    assert edges("nasbench201") == [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    with pytest.raises(ValueError, match="a nasbench201 cell is not in the conv search space"):
        one_hot(genotype, {"normal": torch.zeros(14, 8), "reduce": torch.zeros(14, 8)})


@pytest.mark.parametrize("names, message", [
    (["skip_connect"] * 5 + ["nor_conv_3x3"], "5 of 6 edges of the cell are skip connections"),
    (["skip_connect"] * 3 + ["none"] * 2 + ["avg_pool_3x3"],
     "every edge of the cell is parameter-free"),
    (["skip_connect"] * 3 + ["none"] * 3,
     "no path leads from the input of the cell to its output"),
    (["skip_connect"] * 3 + ["nor_conv_3x3"] * 3, None),
])
def test_a_collapse_is_warned_of(names, message):
    found = warnings(NasBench201Genotype.of(*names))
    assert found == ([] if message is None else [f"collapse: {message}"])
