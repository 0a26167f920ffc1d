"""The images that several tests use, and a run on them."""

import pytest

from tests.zoo.tiny_runs import TINY
from zoo.data.base import ImageData, Split
from zoo.data.images import load
from zoo.training.classification import train


@pytest.fixture(scope="session")
def few() -> ImageData:
    """The digits with only 97 training images, one too many for batches of 16."""
    data = load("digits")
    return ImageData("digits", Split(data.train.images[:77], data.train.labels[:77]),
                     Split(data.test.images[:40], data.test.labels[:40]),
                     data.labels, data.mean, data.std)


@pytest.fixture
def on_few(few, monkeypatch):
    """Commands that train on the digits get these few."""
    def load_few(name, path=None, size=None):
        assert (name, path, size) == ("digits", None, None)
        return few

    monkeypatch.setattr("zoo.data.images.load", load_few)


@pytest.fixture(scope="session")
def whole_run(few, tmp_path_factory):
    """(folder, manifest, reports) of an uninterrupted run."""
    folder, reports = tmp_path_factory.mktemp("runs") / "whole", []
    manifest = train("DARTS", few, TINY, folder, seed=3, device="cpu",
                     report=lambda *what: reports.append(what))
    return folder, manifest, reports
