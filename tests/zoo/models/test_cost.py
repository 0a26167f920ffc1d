"""Parameters and multiply-adds against figures computed independently of this project."""

import json
from pathlib import Path

import pytest
import torch

import zoo
from zoo.models.cost import cost, parameters

COMPUTED = json.loads(Path(__file__).with_name("computed_costs.json").read_text())
SIZES = {"cifar_C36_L20": ("cifar", 36, 20, 32), "imagenet_C48_L14": ("imagenet", 48, 14, 224)}
# Together these have every operation except those of GDAS, nodes of 0 to 2 edges, and inputs in the
# concatenation.
QUICK = {("cifar_C36_L20", name) for name in (
    "NASNet_A", "AmoebaNet_A", "DARTS_V1", "DARTS_V2", "AmoebaNet_B_google", "FairDARTS_a",
    "SNAS_aggressive", "PR_DARTS_DL2", "NAONet_A", "SETN", "ENAS_micro_released",
)} | {("imagenet_C48_L14", "DARTS_V2"), ("imagenet_C48_L14", "NASNet_A_google")}


def built(name, network, channels, layers, **settings):
    with torch.device("meta"):  # shapes only
        return zoo.create_model(name, network=network, channels=channels, layers=layers,
                                **settings)


@pytest.mark.parametrize("size, name", [
    pytest.param(size, name, marks=() if (size, name) in QUICK else pytest.mark.slow)
    for name in COMPUTED for size in SIZES
])
def test_cost_is_as_computed(size, name):
    network, channels, layers, side = SIZES[size]
    found = cost(built(name, network, channels, layers), (3, side, side))
    expected = COMPUTED[name][size]
    assert found.parameters / 1e6 == pytest.approx(expected["params_M"], abs=0.000501)
    assert found.multiply_adds / 1e6 == pytest.approx(expected["madds_M"], abs=0.0501)


def test_every_convolutional_cell_has_its_figures():
    known = {name for name in zoo.list_cells(kind="conv")
             if zoo.registry.record(name).origin == "published"}
    # The reduction cell of GDAS_F1 was not a genotype when the figures were computed.
    assert known - COMPUTED.keys() == {"GDAS_F1"}


def test_the_figures_of_the_published_network():
    assert parameters(built("DARTS_V2", "cifar", 36, 20)) == 3_349_342
    assert parameters(built("DARTS_V2", "imagenet", 48, 14)) == 4_718_752


def test_the_auxiliary_head_does_not_count():
    plain, trained = (built("DARTS_V2", "cifar", 8, 5, auxiliary=on) for on in (False, True))
    assert cost(plain, (3, 32, 32)) == cost(trained, (3, 32, 32))


def test_counting_changes_nothing():
    model = zoo.create_model("DARTS_V2", channels=4, layers=3).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = cost(model, (3, 16, 16))
    assert model.training and first == cost(model, (3, 16, 16))
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
