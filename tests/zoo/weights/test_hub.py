"""Weights on the hub: pinned to a commit and checked against the card."""

import hashlib
import json
import shutil

import pytest
import torch

import zoo
from zoo import weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def published(tmp_path, monkeypatch):
    """(the card of DARTS_V2 on a "hub" that is a local folder, the file in that hub)."""
    hub = tmp_path / "hub"
    here = tmp_path / "weights"
    hub.mkdir()
    here.mkdir()
    file = hub / "DARTS_V2-digits.safetensors"
    shutil.copy(weights.HERE / file.name, file)
    card = json.loads((weights.HERE / "DARTS_V2-digits.json").read_text())
    card["hub"] = {"repository": "someone/zoo", "revision": COMMIT, "file": file.name}
    path = here / "DARTS_V2-digits.json"
    path.write_text(json.dumps(card))

    def download(repository, name, revision):
        assert (repository, revision) == ("someone/zoo", COMMIT)
        if not (hub / name).exists():
            raise OSError("Connection\nrefused")
        return str(hub / name)

    monkeypatch.setattr(weights, "HERE", here)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    return path, file


def change(path, **changes):
    card = json.loads(path.read_text())
    for name, value in changes.items():
        (card if name in card else card["hub"])[name] = value
    path.write_text(json.dumps(card))


def test_a_file_from_the_hub_is_loaded(published):
    model = zoo.create_model("DARTS_V2", weights="digits")
    content = published[1].read_bytes()
    assert hashlib.sha256(content).hexdigest() == json.loads(published[0].read_text())["sha256"]
    assert not model.training and model.settings["channels"] == 12
    wanted = weights.safetensors.torch.load(content)["classifier.weight"]
    assert torch.equal(model.classifier.weight, wanted.float())


def test_a_branch_is_refused(published):
    change(published[0], revision="main")
    with pytest.raises(weights.WeightsError, match="DARTS_V2-digits names the revision 'main'"):
        zoo.create_model("DARTS_V2", weights="digits")


def test_a_file_that_differs_from_the_card(published):
    published[1].write_bytes(published[1].read_bytes() + b" ")
    with pytest.raises(weights.WeightsError, match="its sha256 differs"):
        zoo.create_model("DARTS_V2", weights="digits")


def test_a_hub_that_cannot_be_reached(published):
    published[1].unlink()
    with pytest.raises(weights.WeightsError, match=r"Hugging Face Hub \(Connection refused\)"):
        zoo.create_model("DARTS_V2", weights="digits")
