"""Networks that look trained, and one real artifact for all tests of a session."""

from pathlib import Path

import pytest
import torch

from zoo.artifact.manifest import Input
from zoo.create import create_model


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all in one worker, which builds the artifact and imports TensorFlow once."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("export"))


def trained_looking(cell, seed=0, **settings):
    """A small network whose batch-norms have statistics, so that folding them has an effect."""
    torch.manual_seed(seed)
    settings = {"channels": 4, "layers": 5, "num_classes": 10} | settings
    model = create_model(cell, **settings).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 2.0)
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
    return model


def images_of(size, channels=3):
    return Input(height=size, width=size, channels=channels, mean=[0.4] * channels,
                 std=[0.3] * channels)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory):
    """`zoo build DARTS --export onnx,savedmodel,tflite,tfjs` with the default weights."""
    from export.pipeline import build
    from export.sources.find import find
    from export.sources.options import BuildOptions

    directory = tmp_path_factory.mktemp("exports") / "DARTS-digits"
    build(find("DARTS", BuildOptions()), ["onnx", "savedmodel", "tflite", "tfjs"], directory)
    return directory
