"""The network of NAS-Bench-201 against a plain implementation and published figures."""

import random

import pytest
import torch
import torch.nn.functional as F

import zoo
from zoo.checkpoints import fit
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS, NasBench201Genotype
from zoo.models.cost import cost
from zoo.models.factory import build_network
from zoo.models.operations import Zero

RESNET = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"
DEAD = "|none~0|+|none~0|skip_connect~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|"
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"

# Millions of parameters and of multiply-adds on CIFAR-10, to the digits published.  The
# benchmark adds the classifier's ten biases to the latter.
PUBLISHED = {
    # github.com/D-X-Y/NATS-Bench/issues/18
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|"
    "skip_connect~2|": (0.802, 113.95, 2),
    # github.com/D-X-Y/NATS-Bench/issues/36
    "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|":
        (0.802426, 113.95137, 5),
    # arch-index 9930 of NAS-Bench-201-v1_1, from `query_info_str_by_arch`
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|"
    "nor_conv_3x3~2|": (1.289, 184.73, 2),
    # arch-index 0, from NNI's tests of NAS-Bench-201
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|"
    "skip_connect~2|": (0.129306, 15.64737, 5),
    # the smallest and the largest of all 15,625 in the data of NAS-Bench-201-v1_1
    NOTHING: (0.073306, 7.78305, 5),
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "nor_conv_3x3~2|": (1.531546, 220.11969, 5),
}


def cell(text):
    return NasBench201Genotype.from_text(text)


def sampled(seed, nodes=4):
    draw = random.Random(seed)
    return NasBench201Genotype.of(*(draw.choice(list(NASBENCH201_OPERATIONS))
                                    for _ in range(nodes * (nodes - 1) // 2)))


@pytest.mark.parametrize("text", PUBLISHED)
def test_parameters_and_multiply_adds_are_as_published(text):
    with torch.device("meta"):
        model = build_network(cell(text), "nasbench201")
    found = cost(model, (3, 32, 32))
    parameters, multiply_adds, digits = PUBLISHED[text]
    places = max(len(str(parameters).split(".")[1]), 3)
    assert abs(found.parameters / 1e6 - parameters) < 10.0 ** -places
    assert round((found.multiply_adds + 10) / 1e6, digits) == multiply_adds


def test_the_default_network_is_that_of_the_benchmark():
    with torch.device("meta"):
        model = zoo.create_model("NB201_ResNet")
    assert model.kind == "nasbench201"
    assert model.settings == {"channels": 16, "layers": 15, "num_classes": 10, "in_channels": 3}
    assert [type(module).__name__ for module in model.cells] == (
        ["EdgeCell"] * 5 + ["ResidualBlock"] + ["EdgeCell"] * 5 + ["ResidualBlock"]
        + ["EdgeCell"] * 5)
    # The release's names: an operation's number also counts `none` edges.
    names = model.state_dict().keys()
    assert {"stem.0.weight", "cells.0.layers.2.op.1.weight", "cells.5.conv_a.op.1.weight",
            "cells.5.downsample.1.weight", "lastact.0.weight", "classifier.weight"} <= names


def naive(model, images):
    """The network computed from its state dict and genotype, without modules of the zoo."""
    state = model.state_dict()

    def norm(x, name):
        return F.batch_norm(x, state[f"{name}.running_mean"], state[f"{name}.running_var"],
                            state[f"{name}.weight"], state[f"{name}.bias"])

    def conv(x, name, stride=1):
        weight = state[f"{name}.op.1.weight"]
        return norm(F.conv2d(F.relu(x), weight, None, stride, weight.shape[-1] // 2),
                    f"{name}.op.2")

    def edge(operation, x, name):
        if operation == "avg_pool_3x3":
            return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return {"none": lambda: 0 * x, "skip_connect": lambda: x}.get(
            operation, lambda: conv(x, name))()

    x = norm(F.conv2d(images, state["stem.0.weight"], padding=1), "stem.1")
    for number in range(len(model.cells)):
        name = f"cells.{number}"
        if f"{name}.conv_a.op.1.weight" in state:
            short = F.avg_pool2d(x, 2, 2, ceil_mode=True)
            x = F.conv2d(short, state[f"{name}.downsample.1.weight"]) + conv(
                conv(x, f"{name}.conv_a", 2), f"{name}.conv_b")
            continue
        nodes, place = [x], 0
        for edges in model.genotype.cell.nodes:
            total = 0
            for operation, source in edges:
                total = total + edge(operation, nodes[source], f"{name}.layers.{place}")
                place += 1
            nodes.append(total)
        x = nodes[-1]
    x = F.relu(norm(x, "lastact.0")).mean((2, 3))
    return x @ state["classifier.weight"].T + state["classifier.bias"]


@pytest.mark.parametrize("genotype", [cell(RESNET), cell(DEAD), cell(NOTHING), sampled(0, 3),
                                      *(sampled(seed) for seed in range(6))], ids=str)
@pytest.mark.parametrize("size", [8, 7])
def test_the_network_matches_a_plain_implementation(genotype, size):
    torch.manual_seed(0)
    model = build_network(genotype, "nasbench201", channels=4, layers=4).double()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.uniform_(0.1 if name.endswith("var") else -0.5, 0.9)
    images = torch.rand(2, 3, size, size, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(model.eval()(images), naive(model, images), rtol=0, atol=1e-12)


def test_live_edges_are_those_on_paths_to_the_output():
    assert cell(NOTHING).live_edges() == cell(DEAD).live_edges() == ()
    assert cell(RESNET).live_edges() == (
        (0, 1, "nor_conv_3x3"), (1, 2, "nor_conv_3x3"), (0, 3, "skip_connect"),
        (2, 3, "skip_connect"))


def test_every_operation_trains_and_the_auxiliary_head_too():
    model = build_network(sampled(3), "nasbench201", channels=4, layers=3, auxiliary=True,
                          drop_path=0.5)
    logits, auxiliary = model.train()(torch.rand(4, 3, 16, 16))
    (logits.sum() + auxiliary.sum()).backward()
    used = [name for name, value in model.named_parameters() if value.grad is None]
    assert logits.shape == auxiliary.shape == (4, 10) and not used
    assert not list(Zero(1).parameters())


@pytest.mark.parametrize("name, network, message", [
    ("NB201_ResNet", "imagenet", "a NAS-Bench-201 genotype has no imagenet network; "
     "use network='nasbench201'"),
    ("DARTS", "nasbench201", "a convolutional genotype has no nasbench201 network; "
     "use network='cifar'"),
    ("ENAS_RNN", "nasbench201", "a recurrent genotype has no .* use network='language'"),
])
def test_networks_of_other_kinds_are_refused(name, network, message):
    with pytest.raises(ValueError, match=message):
        zoo.create_model(name, network=network)


@pytest.mark.parametrize("text", [RESNET, DEAD])
def test_a_checkpoint_is_recognized(text):
    settings = {"channels": 4, "layers": 5, "num_classes": 7, "in_channels": 1}
    tensors = build_network(cell(text), "nasbench201", **settings).state_dict()
    assert fit.infer(tensors, "it") == ("nasbench201", settings)
    assert fit.family("nasbench201", tensors) == "nasbench201"
