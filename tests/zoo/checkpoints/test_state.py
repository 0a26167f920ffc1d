"""A network is found in its checkpoint, whatever surrounds it or prefixes its names; skipped
tensors are reported if a user may miss them."""

import logging

import pytest
import torch

from tests.zoo.checkpoints.kinds import (
    HARMLESS,
    HOLDING,
    SIZES,
    network,
    prefixed,
    saved,
    shadow,
    state,
)
from tests.zoo.tiny_runs import TINY
from zoo.artifact.folder import read_manifest
from zoo.checkpoints.file import WeightsError
from zoo.checkpoints.importing import import_checkpoint
from zoo.create import create_model
from zoo.training.classification import train
from zoo.weights import load_artifact, load_weights, trained_state


@pytest.fixture
def imported(tmp_path, caplog):
    """Import the bytes of a checkpoint; returns its tensors and the notes."""
    def run(content, cell="DARTS_V2"):
        (tmp_path / "a.pt").write_bytes(content)
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="zoo"):
            import_checkpoint(tmp_path / "a.pt", cell, tmp_path / "out")
        said = [record.getMessage() for record in caplog.records]
        assert all(line.startswith(f"{tmp_path / 'a.pt'}: ") for line in said)
        return trained_state(load_artifact(tmp_path / "out")[0]), "\n".join(said)

    return run


def same(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(value, other[name]) for name, value in one.items())


def without_counters(tensors):
    return {name: value for name, value in tensors.items() if "num_batches" not in name}


@pytest.mark.parametrize("kind", HOLDING)
def test_the_network_is_found(kind, imported):
    tensors, said = imported(HOLDING[kind]())
    wanted = trained_state(network())
    if kind == "safetensors of half precision":
        wanted = {name: value.half().float() if value.ndim > 1 else value
                  for name, value in wanted.items()}
    assert same(without_counters(tensors), without_counters(wanted))
    assert f"the auxiliary head ({12 if kind.startswith('without') else 14} tensors)" in said


@pytest.mark.parametrize("kind, part", [
    ("counters of thop", "thop's counters ("), ("alphas", "alphas of a search (2 tensors)"),
    ("criterion beside it", "tensors outside the network (criterion.weight)")])
def test_skipped_parts_are_reported(kind, part, imported):
    assert part in imported(HOLDING[kind]())[1]


def test_plain_values_next_to_the_weights_are_not_reported(imported):
    plain = {name: value for name, value in state().items() if "auxiliary" not in name}
    assert imported(saved({"state_dict": plain, **HARMLESS}))[1] == ""


@pytest.mark.parametrize("content, place", [
    (lambda: {"state_dict": state(), "state_dict_ema": shadow()}, "state_dict_ema"),
    (lambda: {"ema": prefixed("module.", shadow()), "model": state()}, "ema, module.*"),
    (lambda: {"model": state(), "ema_state": {"decay": 0.9, "shadow": shadow()}},
     "ema_state, shadow"),
    (lambda: {"state_dict": prefixed("model.") | prefixed("model_ema.module.", shadow())},
     "state_dict, model_ema.module.*"),
    (lambda: prefixed("online_model.") | prefixed("ema_model.", shadow()), "ema_model.*"),
    (lambda: state() | prefixed("module.", shadow()), "module.*"),
])
def test_of_two_matches_the_averaged_one_is_taken_with_a_note(content, place, imported):
    tensors, said = imported(saved(content()))
    assert torch.equal(tensors["classifier.bias"], shadow()["classifier.bias"])
    assert f", which fits as well (used: the averaged weights, {place})" in said


def test_an_average_alone_is_the_network(imported):
    tensors, said = imported(saved(
        prefixed("module.", shadow()) | {"n_averaged": torch.tensor(3)}))
    assert torch.equal(tensors["classifier.bias"], shadow()["classifier.bias"])
    assert "fits as well" not in said and "n_averaged" in said


def test_of_two_plain_matches_the_first_is_taken_with_a_note(imported):
    tensors, said = imported(saved({"last": state(), "best": shadow()}))
    assert torch.equal(tensors["classifier.bias"], state()["classifier.bias"])
    assert "best, which fits as well (used: last)" in said
    assert "fits as well" not in imported(saved({"last": state(), "best": state()}))[1]


def test_of_two_networks_the_one_of_the_cell_is_taken(imported):
    teacher = create_model("NASNet", **SIZES | {"channels": 8}).state_dict()
    for content in ({"student": state(), "teacher": teacher},
                    prefixed("teacher.", teacher) | prefixed("student.")):
        tensors, said = imported(saved(content))
        assert torch.equal(tensors["classifier.bias"], state()["classifier.bias"])
        assert "teacher" in said and ", which fits less well (used: student" in said


def test_optimizer_state_by_name_is_not_a_network(imported):
    tensors, said = imported(saved({"optimizer": {"momentum": shadow()}, "model": state()}))
    assert torch.equal(tensors["classifier.bias"], state()["classifier.bias"])
    assert "fits as well" not in said


def test_cyclic_containers_are_read(imported):
    """Cyclic dicts and lists are visited once."""
    content = {"model": state(), "list": []}
    content["list"].append(content)
    assert torch.equal(imported(saved(content))[0]["classifier.bias"], state()["classifier.bias"])


def test_the_checkpoint_of_our_own_unfinished_run(few, imported, tmp_path):
    def stop(step, steps, row):
        if row:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("DARTS", few, TINY.but(ema_decay=0.9), tmp_path / "run", seed=1, device="cpu",
              report=stop)
    content = (tmp_path / "run/checkpoint.pt").read_bytes()
    average = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["average"]["model"]
    tensors, said = imported(content, "DARTS")
    assert torch.equal(tensors["classifier.weight"], average["classifier.weight"])
    assert "model, which fits as well (used: the averaged weights, average, model)" in said
    assert read_manifest(tmp_path / "out").network.channels == TINY.channels


# --- language models --------------------------------------------------------------------------

WORDS = {"vocabulary": 11, "embedding": 6, "hidden": 6}


@pytest.fixture(scope="module")
def language_model():
    torch.manual_seed(0)
    return create_model("DARTS_V2_RNN", "language", **WORDS).eval()


def untied(tensors):
    return {name: value.clone() for name, value in tensors.items()}


def without(name):
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


@pytest.mark.parametrize("change", [
    dict, untied, without("decoder.weight"), without("encoder.weight"),
    lambda tensors: prefixed("module.", tensors),
    lambda tensors: {"epoch": 3, "model": prefixed("_orig_mod.", untied(tensors))}])
def test_language_models_of_2018(change, language_model, imported):
    content = saved(change(language_model.state_dict()))
    tensors, said = imported(content, "DARTS_V2_RNN")
    assert same(tensors, trained_state(language_model))
    assert said.endswith(
        "a.pt: the shapes also fit DARTS_V1_RNN and GDAS_RNN and SDARTS_ADV_RNN and "
        "SDARTS_RS_RNN; they do not determine the edges or activations of a cell")
    other = create_model("DARTS_V2_RNN", "language", **WORDS)
    load_weights(other, content, "a.pt")
    assert same(trained_state(other), trained_state(language_model))


@pytest.mark.parametrize("change, message", [
    (lambda tensors: tensors | {"decoder.weight": torch.zeros(11, 6)},
     "decoder.weight differs from encoder.weight; only language models"),
    (lambda tensors: tensors | {"rnns.0.bn.running_mean": torch.zeros(6)},
     r"is the supernet of a search \(it has rnns.0.bn.running_mean\)"),
    (lambda tensors: tensors | {"encoder.weight": torch.zeros(11, 8),
                                "decoder.weight": torch.zeros(11, 8)},
     "has an embedding of 8 and a cell of 6; only language models with a tied decoder"),
    (without("rnns.0._W0"), "is not a network of the 2018 release"),
    (without("decoder.bias"), r"decoder.bias is missing, which has shape \(11,\)"),
    (lambda tensors: tensors | {"rnns.0._Ws.8": torch.zeros(6, 12)},
     r"rnns.0._Ws.8, of shape \(6, 12\), is not part of the network; no registered cell has "
     r"its shapes \(language network, vocabulary 11, embedding 6, hidden 6\); the closest is "),
])
def test_invalid_language_models(change, message, language_model, imported):
    content = saved(change(dict(language_model.state_dict())))
    with pytest.raises(WeightsError, match=message) as one:
        imported(content, "DARTS_V2_RNN")
    with pytest.raises(WeightsError, match=message) as other:
        load_weights(create_model("DARTS_V2_RNN", "language", **WORDS), content,
                     str(one.value).split(" ")[0].rstrip(":"))
    assert str(one.value) == str(other.value)
