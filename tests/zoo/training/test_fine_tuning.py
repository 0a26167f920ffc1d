"""A training starts from given weights, or reports why they do not fit."""

import dataclasses

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from tests.zoo.tiny_runs import TINY, Stop, same, weights
from zoo.artifact.folder import read_manifest
from zoo.cli import app
from zoo.create import create_model
from zoo.recipes.image import recipe
from zoo.registry import genotype
from zoo.runs.run_folder import RunError, read_config
from zoo.training.classification import train
from zoo.training.fine_tuning import begin, warm_start
from zoo.weights import WeightsError, find, trained_state

# Steps so small that the weights keep their values; batch-norm statistics still change.
STILL = TINY.but(epochs=1, learning_rate=1e-30, drop_path=0.0, drawings=0)
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def learned(state: dict) -> dict:
    return {name: value for name, value in state.items() if not name.endswith(_STATISTICS)}


def test_a_training_starts_from_the_weights_of_an_artifact(whole_run, few, tmp_path):
    source = whole_run[0]
    manifest = train("DARTS", few, STILL, tmp_path / "on", seed=8, device="cpu", weights=source)
    assert same(learned(weights(tmp_path / "on")), learned(weights(source)))
    assert manifest.metrics["started_from"] == source.name
    train("DARTS", few, STILL, tmp_path / "anew", seed=8, device="cpu")
    assert not same(learned(weights(tmp_path / "anew")), learned(weights(source)))
    assert "started_from" not in read_manifest(tmp_path / "anew").metrics


def test_a_weights_file_equals_its_artifact(whole_run, few, tmp_path):
    file = whole_run[0] / "model.safetensors"
    train("DARTS", few, STILL, tmp_path / "file", seed=8, device="cpu", weights=file)
    assert same(learned(weights(tmp_path / "file")), learned(weights(whole_run[0])))


def test_the_classifier_is_new_for_other_classes(whole_run, few, tmp_path, caplog):
    kept = few.train.labels < 4
    fewer = dataclasses.replace(few, labels=few.labels[:4], train=dataclasses.replace(
        few.train, images=few.train.images[kept], labels=few.train.labels[kept]),
        test=dataclasses.replace(few.test, labels=few.test.labels % 4))
    train("DARTS", fewer, STILL, tmp_path / "run", seed=8, device="cpu", weights=whole_run[0])
    before, after = learned(weights(whole_run[0])), learned(weights(tmp_path / "run"))
    assert after.pop("classifier.weight").shape[0] == 4 and len(after.pop("classifier.bias")) == 4
    del before["classifier.weight"], before["classifier.bias"]
    assert same(after, before)
    assert (f"{whole_run[0]} has 10 classes and this training 4: the classifier starts from "
            "random weights") in caplog.messages


def test_training_starts_from_shipped_weights():
    model = create_model("DARTS", channels=12, layers=8, num_classes=3, in_channels=1,
                         auxiliary=True)
    head = model.classifier.weight.clone()
    warm_start(model, find("digits", "DARTS"), recipe("digits"))
    state = trained_state(create_model("DARTS", weights="digits"))
    own = trained_state(model)
    assert torch.equal(own.pop("classifier.weight"), head)
    del own["classifier.bias"], state["classifier.weight"], state["classifier.bias"]
    assert same(own, state)


def test_an_interrupted_run_resumes_from_the_weights(whole_run, few, tmp_path):
    def stop(step, steps, row):
        raise Stop

    settings = TINY.but(epochs=1)
    start = {"seed": 8, "device": "cpu", "weights": whole_run[0]}
    changed = {name: value + 1 for name, value in weights(whole_run[0]).items()}
    save_file(changed, tmp_path / "changed.safetensors")
    with pytest.raises(Stop):  # before there is a checkpoint
        train("DARTS", few, settings, tmp_path / "run", report=stop, **start)
    with pytest.raises(RunError, match=f"give the --weights .* again .{whole_run[0].name}."):
        train("DARTS", few, settings, tmp_path / "run", resume=True, seed=8, device="cpu")
    with pytest.raises(RunError, match="was started from other weights"):
        train("DARTS", few, settings, tmp_path / "run", resume=True, seed=8, device="cpu",
              weights=tmp_path / "changed.safetensors")
    train("DARTS", few, settings, tmp_path / "run", resume=True, **start)
    train("DARTS", few, settings, tmp_path / "whole", **start)
    assert same(weights(tmp_path / "run"), weights(tmp_path / "whole"))


def test_weights_of_another_network_are_refused(whole_run, few, tmp_path):
    for settings, cell, message in (
            (STILL.but(channels=8), "DARTS", "is for channels=4, and the recipe has 8"),
            (STILL.but(layers=4), "DARTS", "is for layers=3, and the recipe has 4"),
            (STILL, "NASNet", "has the weights of another cell, DARTS")):
        with pytest.raises(WeightsError, match=message):
            train(cell, few, settings, tmp_path / "run", device="cpu", weights=whole_run[0])
        assert not (tmp_path / "run").exists()
    for file, message in ((whole_run[0] / "model.safetensors", "does not fit the network"),
                          ("digits", "needs the name of a cell, not a genotype")):
        with pytest.raises(ValueError, match=message):
            train("DARTS", few, STILL, tmp_path / "run", device="cpu", weights=file,
                  genotype=genotype("NASNet"))
        assert not (tmp_path / "run").exists()


def test_a_folder_is_found_by_a_bare_name_unless_a_data_set_has_it(whole_run, tmp_path,
                                                                   monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").symlink_to(whole_run[0])
    (tmp_path / "digits").mkdir()
    cell = genotype("DARTS")
    found, facts = begin("mine", "DARTS", cell, tmp_path / "run", resume=False)
    assert found.settings["channels"] == 4 and facts["started_from"] == whole_run[0].name
    found, facts = begin("digits", "DARTS", cell, tmp_path / "run", resume=False)
    assert found.settings["channels"] == 12
    assert facts["started_from"] == "DARTS_V1-digits.safetensors"
    with pytest.raises(ValueError, match="no weights are shipped for 'digist', only for cifar10"):
        begin("digist", "DARTS", cell, tmp_path / "run", resume=False)


def test_as_typed(whole_run, tmp_path):
    def zoo(*arguments):
        return CliRunner().invoke(app, ["train", "DARTS", "--channels", "4", "--layers", "3",
                                        "--epochs", "1", "--device", "cpu", *arguments])

    folder = tmp_path / "run"
    assert zoo("-o", str(folder), "--weights", str(whole_run[0])).exit_code == 0
    assert read_config(folder)["started_from"] == whole_run[0].name
    assert zoo("-o", str(folder), "--resume").exit_code == 0  # finished, without the weights
    refused = zoo("-o", str(tmp_path / "no"), "--weights", "nowhere/at-all")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1] == (
        "error: there is no file or folder nowhere/at-all to load weights from")
    assert not (tmp_path / "no").exists()
