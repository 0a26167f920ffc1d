"""Checkpoints of the 2018 release become artifacts; whatever else is one line."""

import os
import pickle
import re

import pytest
import torch

import zoo
from zoo.artifact.folder import ArtifactError, check_files, read_manifest
from zoo.create import create_model
from zoo.darts_checkpoint import CheckpointError, import_checkpoint
from zoo.weights import load_artifact, trained_state

SMALL = {"channels": 4, "layers": 5, "num_classes": 10, "auxiliary": True}


def checkpoint(path, cell="DARTS_V2", network="cifar", change=dict, **settings):
    """Save a network's state dict, after `change`, and give the network."""
    torch.manual_seed(0)
    model = create_model(cell, network, **({} if network == "language" else SMALL) | settings)
    torch.save(change(model.state_dict()), path)
    return model


def as_in_2018(state):
    """Under 'state_dict', with 'module.', and without the counters that torch 0.3 had not."""
    return {"epoch": 600, "optimizer": {"param_groups": [{"lr": 0.0}]}, "state_dict": {
        f"module.{name}": value for name, value in state.items()
        if "num_batches_tracked" not in name}}


def refused(path, cell="DARTS_V2", error=CheckpointError, **named) -> str:
    with pytest.raises(error) as caught:
        import_checkpoint(path, cell, path.parent / "out", **named)
    assert "\n" not in str(caught.value)
    assert not (path.parent / "out").exists()
    assert not list(path.parent.glob(".*building*"))
    return str(caught.value)


# --- what loads -----------------------------------------------------------------------------


def test_the_cell_may_be_a_genotype_file(tmp_path):
    checkpoint(tmp_path / "a.pt")
    (tmp_path / "search.log").write_text(f"PM genotype = {zoo.genotype('DARTS_V2')}")
    manifest = import_checkpoint(tmp_path / "a.pt", str(tmp_path / "search.log"), tmp_path / "out")
    assert manifest.genotype == "search"
    assert load_artifact(tmp_path / "out")[0].genotype == zoo.genotype("DARTS_V2")


@pytest.mark.parametrize("change", [dict, as_in_2018])
@pytest.mark.parametrize("network", ["cifar", "imagenet"])
def test_image_networks(tmp_path, network, change):
    classes = 10 if network == "cifar" else 1000
    model = checkpoint(tmp_path / "a.pt", network=network, change=change, num_classes=classes)
    manifest = import_checkpoint(tmp_path / "a.pt", "DARTS_V2", tmp_path / "out")
    assert manifest == read_manifest(tmp_path / "out")
    check_files(tmp_path / "out", manifest)
    assert manifest.network.kind == network
    assert manifest.network.settings() == {"channels": 4, "layers": 5, "num_classes": classes,
                                           "in_channels": 3}
    assert manifest.genotype == "DARTS_V2" and manifest.trained
    assert len(manifest.labels) == classes
    assert manifest.input.data == {"cifar": "cifar10"}.get(network, "imagenet")

    loaded, _ = load_artifact(tmp_path / "out")
    before, after = trained_state(model), trained_state(loaded)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    side = manifest.input.height
    assert side == manifest.input.width == (32 if network == "cifar" else 224)
    images = torch.randn(2, 3, side, side)
    assert torch.equal(model.eval()(images), loaded(images))


def test_cifar10_is_recognised_by_its_classes(tmp_path):
    checkpoint(tmp_path / "a.pt")
    manifest = import_checkpoint(tmp_path / "a.pt", "DARTS_V2", tmp_path / "out")
    assert manifest.input.data == "cifar10" and manifest.labels[3] == "cat"
    assert manifest.input.mean[0] == pytest.approx(0.4914, abs=1e-4)
    checkpoint(tmp_path / "b.pt", num_classes=7, in_channels=1)
    manifest = import_checkpoint(tmp_path / "b.pt", "DARTS_V2", tmp_path / "other")
    assert manifest.input.data is None and manifest.input.channels == 1
    assert manifest.labels == list("0123456")


def test_files_of_old_torch_versions(tmp_path):
    model = create_model("DARTS_V2", **SMALL)
    torch.save(model.state_dict(), tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    import_checkpoint(tmp_path / "a.pt", "DARTS_V2", tmp_path / "out")


def test_language_models(tmp_path):
    model = checkpoint(tmp_path / "a.pt", "DARTS_V2_RNN", "language", vocabulary=11, embedding=6,
                       hidden=6)
    manifest = import_checkpoint(tmp_path / "a.pt", "DARTS_V2_RNN", tmp_path / "out")
    assert manifest.task == "language-model-step"
    assert manifest.network.settings() == {"vocabulary": 11, "embedding": 6, "hidden": 6}
    loaded, _ = load_artifact(tmp_path / "out")
    tokens, hidden = torch.tensor([[1], [10]]), torch.zeros(1, 1, 6)
    assert torch.equal(model.eval()(tokens, hidden)[0], loaded(tokens, hidden)[0])


def test_an_earlier_import_is_replaced_and_a_foreign_folder_is_not(tmp_path):
    checkpoint(tmp_path / "a.pt")
    for _ in range(2):
        import_checkpoint(tmp_path / "a.pt", "DARTS_V2", tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(ArtifactError, match="left alone"):
        import_checkpoint(tmp_path / "a.pt", "DARTS_V2", tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


# --- what does not fit ----------------------------------------------------------------------


def test_another_cell_names_the_first_key_and_what_would_fit(tmp_path):
    checkpoint(tmp_path / "a.pt")
    message = refused(tmp_path / "a.pt", "DARTS_V1")
    assert re.search(r"not a network of DARTS_V1: cells\.0\._ops\.\S+ ", message)
    assert "--cell DARTS_V2" in message
    assert "recurrent cell; it fits --cell DARTS_V2" in refused(tmp_path / "a.pt", "ENAS_RNN")


def test_a_checkpoint_of_no_registered_cell(tmp_path):
    def narrow(state):
        return state | {"cells.0._ops.0.op.1.weight": torch.zeros(4, 1, 9, 9)}

    checkpoint(tmp_path / "a.pt", change=narrow)
    message = refused(tmp_path / "a.pt")
    assert "cells.0._ops.0.op.1.weight has shape (4, 1, 9, 9)" in message
    assert "no registered cell fits" in message


@pytest.mark.parametrize("change, message", [
    (lambda state: {}, "no state dict"),
    (lambda state: {"weight": torch.zeros(2)}, "none of stem.0.weight"),
    (lambda state: {"stem.0.weight": torch.zeros(2)}, "has no cells"),
    (lambda state: {"state_dict": [1, 2]}, "no state dict"),
    (lambda state: torch.zeros(3), "no state dict"),
    (lambda state: {k: v for k, v in state.items() if k != "classifier.weight"},
     "classifier.weight is missing"),
    (lambda state: state | {"cells.1000000000.x": torch.zeros(1)}, "has no cells"),
    (lambda state: state | {"stem.0.weight": torch.zeros(0, 3, 3, 3)}, "stem.0.weight"),
    (lambda state: state | {"extra": torch.zeros(1)}, "extra is not part of the network"),
])
def test_state_dicts_that_are_no_network(tmp_path, change, message):
    checkpoint(tmp_path / "a.pt", change=change)
    assert message in refused(tmp_path / "a.pt")


def test_the_wrong_kind_of_network(tmp_path):
    checkpoint(tmp_path / "a.pt")
    assert "is a cifar network" in refused(tmp_path / "a.pt", network="imagenet")


def test_a_language_model_that_is_not_tied(tmp_path):
    checkpoint(tmp_path / "a.pt", "DARTS_V2_RNN", "language", vocabulary=11, embedding=6, hidden=6,
               change=lambda state: state | {"decoder.weight": torch.zeros(11, 6)})
    assert "tied" in refused(tmp_path / "a.pt", "DARTS_V2_RNN")


# --- what is no checkpoint ------------------------------------------------------------------


class Malicious:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickles_with_code_are_refused_unrun(tmp_path):
    trap = tmp_path / "trap"
    torch.save({"stem.0.weight": Malicious(trap)}, tmp_path / "a.pt")
    assert "could run any code" in refused(tmp_path / "a.pt")
    torch.save({"stem.0.weight": Malicious(trap)}, tmp_path / "b.pt",
               _use_new_zipfile_serialization=False)
    assert "could run any code" in refused(tmp_path / "b.pt")
    (tmp_path / "c.pkl").write_bytes(pickle.dumps(Malicious(trap)))
    assert "could run any code" in refused(tmp_path / "c.pkl")
    torch.save(create_model("DARTS_V2", **SMALL), tmp_path / "whole.pt")  # not its state dict
    assert "state_dict()" in refused(tmp_path / "whole.pt")
    assert not trap.exists()


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_files(tmp_path, part, zipped):
    torch.save(create_model("DARTS_V2", **SMALL).state_dict(), tmp_path / "a.pt",
               _use_new_zipfile_serialization=zipped)
    content = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(content[: int(part * len(content))])
    assert "damaged" in refused(tmp_path / "a.pt")


def test_files_that_are_not_there_or_something_else(tmp_path):
    assert "there is no checkpoint" in refused(tmp_path / "a.pt", error=FileNotFoundError)
    (tmp_path / "a.pt").write_text("a letter to a friend")
    assert "damaged" in refused(tmp_path / "a.pt")
    (tmp_path / "folder").mkdir()
    assert "is a folder" in refused(tmp_path / "folder")
    checkpoint(tmp_path / "b.pt")
    assert "did you mean" in refused(tmp_path / "b.pt", "DARTS_V22", error=LookupError)
