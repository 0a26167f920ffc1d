"""The bytes that a search limits are those of the weights that an export writes."""

import random

import pytest

import zoo
from export.network.deploy import deploy
from search.spaces.hierarchical import HierarchicalSpace
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import ConvSpace, RecurrentSpace
from tests.export.conftest import images_of
from zoo.artifact.manifest import Input
from zoo.models.deployed import deployed_bytes
from zoo.models.factory import build_network

SAMPLED = {
    "conv": (ConvSpace(), "cifar"), "nasbench201": (NasBench201Space(), "nasbench201"),
    "hierarchical": (HierarchicalSpace(mutations=60), "cifar"),
}
SIZES = {"channels": 4, "layers": 3, "num_classes": 10}


def weights(model, spec):
    return 4 * sum(value.numel() for value in deploy(model, spec).module.state_dict().values())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", SAMPLED)
def test_of_sampled_cells(kind, seed):
    space, network = SAMPLED[kind]
    model = build_network(space.sample(random.Random(seed)), network, **SIZES)
    assert deployed_bytes(model) == weights(model, images_of(8))


@pytest.mark.parametrize("network", ["cifar", "imagenet"])
@pytest.mark.parametrize("cell", ["DARTS_V2", "NASNet", "AmoebaNet", "ENASNet"])
def test_of_published_cells(cell, network):
    model = build_network(zoo.genotype(cell), network, **SIZES)
    assert deployed_bytes(model) == weights(model, images_of(64 if network == "imagenet" else 8))


def test_of_a_cell_whose_last_node_is_one_convolution():
    """The batch-norm after the last cell folds into it too."""
    cell = zoo.parse("|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|")
    model = build_network(cell, "nasbench201", **SIZES)
    assert deployed_bytes(model) == weights(model, images_of(8))


def test_of_a_language_model():
    cell = RecurrentSpace().sample(random.Random(0))
    model = build_network(cell, "language", vocabulary=20, embedding=8, hidden=8)
    assert deployed_bytes(model) == weights(model, Input(name="tokens", range=None))


@pytest.mark.parametrize("path", ["onnx/model.onnx", "tflite/model.tflite"])
def test_a_file_adds_the_graph(artifact, path):
    """At most 7 kB per cell."""
    model = zoo.create_model("DARTS", weights="digits")
    size, least = (artifact / path).stat().st_size, deployed_bytes(model)
    assert least < size < least + 7168 * model.settings["layers"]
