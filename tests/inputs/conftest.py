"""Fixtures of the input tests: commands that stop where their work would begin."""

import pytest

from tests.zoo.conftest import few  # noqa: F401


class ReachedWork(ValueError):
    """Raised where a command would start to train, search or export."""


def _work(*_, **__):
    raise ReachedWork("reached the work")


@pytest.fixture
def no_work(monkeypatch, tmp_path, few):  # noqa: F811
    """Let commands only read their inputs; the digits are reduced to a few."""
    from zoo.data import images

    load = images.load
    monkeypatch.setattr("zoo.data.images.load", lambda name, path=None, size=None: (
        few if (name, path, size) == ("digits", None, None) else load(name, path, size)))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "zoo"))
    for name in ("zoo.runs.run_folder.start", "zoo.training.trainer.Trainer.run",
                 "export.pipeline.build", "search.runner.start", "search.build.rehearse"):
        monkeypatch.setattr(name, _work)
