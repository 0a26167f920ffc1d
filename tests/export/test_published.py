"""The exports of `zoo demo --gallery`."""

from __future__ import annotations

import shutil

import pytest

from export import published
from web_demo.artifacts import find_artifacts
from web_demo.site import build_site
from zoo import weights


def test_it_has_the_shipped_weights_that_are_small():
    cells = published.published()
    assert {("DARTS_V2", "digits"), ("DARTS_V2", "cifar10")} <= set(cells)
    for cell, data in cells:
        assert weights.packaged(cell, data), (cell, data)
        file = weights.HERE / f"{cell}-{data}.safetensors"
        assert file.stat().st_size <= published.LARGEST


@pytest.mark.slow
def test_its_site_stays_small(tmp_path):
    folders = published.build_published(tmp_path / "exports")
    site = build_site(find_artifacts(folders), tmp_path / "site")
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < 25_000_000


def test_only_what_is_missing_is_built(artifact, tmp_path, monkeypatch):
    cells = [("DARTS_V2", "digits"), ("NASNet_A", "digits")]
    monkeypatch.setattr(published, "published", lambda: cells)
    made, started = [], []
    monkeypatch.setattr(published, "build", lambda source, formats, directory: made.append(
        (source.manifest.genotype, source.manifest.trained, formats, directory)))
    shutil.copytree(artifact, tmp_path / "DARTS_V2-digits")
    folders = published.build_published(tmp_path, started=started.append)
    assert folders == [tmp_path / "DARTS_V2-digits", tmp_path / "NASNet_A-digits"]
    assert made == [("NASNet_A", True, ["tfjs"], tmp_path / "NASNet_A-digits")]
    assert started == ["NASNet_A-digits"]
