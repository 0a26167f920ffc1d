"""Shipped weights match their cards; damaged or mismatched files are named."""

import hashlib
import json
import shutil

import pytest
import torch

from zoo import genotype
from zoo.artifact.folder import finalize
from zoo.artifact.manifest import Manifest
from zoo.create import create_model
from zoo.data.base import DataError
from zoo.data.images import load
from zoo.genotypes.serialization import to_json
from zoo.training.evaluation import predict, score
from zoo.weights import (
    HERE,
    WeightsError,
    load_weights,
    packaged,
    packaged_cells,
    packaged_file,
    save_weights,
    trained_state,
)

SHIPPED = ["AmoebaNet_A", "DARTS_V1", "DARTS_V2", "NASNet_A"]
SMALL = {"channels": 4, "layers": 3, "num_classes": 10, "in_channels": 1}


def small(cell="DARTS", **settings):
    return create_model(cell, **(SMALL | settings))


def same(first, second) -> bool:
    a, b = trained_state(first), trained_state(second)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# --- what is shipped ------------------------------------------------------------------------


@pytest.mark.parametrize("cell", SHIPPED)
def test_shipped_weights_match_their_cards(cell):
    card = packaged(cell, "digits")
    path = packaged_file(card)
    data = load("digits")
    model = create_model(cell, weights="digits")
    assert not model.training
    logits = predict(model, data.test.images, data.mean, data.std)
    accuracy = score(logits, data.test.labels, 10).accuracy
    assert accuracy >= 0.98
    assert accuracy == pytest.approx(card["test_accuracy"], abs=1 / 360)
    # Exports must agree to 1e-5 in float32, which large logits would not allow.
    assert logits.abs().max() < 12
    assert path.stat().st_size < 700_000
    content = path.read_bytes()
    assert card["bytes"] == len(content)
    assert card["sha256"] == hashlib.sha256(content).hexdigest()


def test_every_file_has_the_sha256_of_its_card():
    cards = {path: json.loads(path.read_text(encoding="utf-8")) for path in HERE.glob("*.json")}
    here = {path: card for path, card in cards.items() if "hub" not in card}
    assert len(here) == len(list(HERE.glob("*.safetensors"))) >= 5
    for path, card in here.items():
        assert path.stem == f"{card['cell']}-{card['data']}"
        content = path.with_suffix(".safetensors").read_bytes()
        assert card["bytes"] == len(content) < 10_000_000
        assert card["sha256"] == hashlib.sha256(content).hexdigest()
        model = create_model(card["cell"], card["network"]["kind"], weights=card["data"])
        assert sum(value.numel() for value in model.parameters()) == card["parameters"]
        assert card["licence"] and card["recipe"] and card["hardware"] and card["seconds"] > 0
    assert sum(path.stat().st_size for path in HERE.iterdir() if path.is_file()) < 30_000_000


@pytest.mark.parametrize("cell", packaged_cells("cifar10"))
def test_cards_of_photos_state_the_effect_of_rounding(cell):
    card = packaged(cell, "cifar10")
    least = 0.79 if cell == "FOUND_1" else 0.8
    assert card["images"] == 10_000 and card["test_accuracy"] > least and card["remark"]
    stated = {(one["precision"], one["where"]): one for one in card["agreement"]}
    assert {precision for precision, _ in stated} - {"int8"} == {"float16", "uint8"}
    for precision, least in (("float16", 0.995), ("uint8", 0.98)):
        whole, browser = stated[precision, "Python"], stated[precision, "chromium wasm"]
        assert whole["images"] == 10_000 and browser["images"] == 500
        assert min(whole["share"], browser["share"]) > least


@pytest.mark.parametrize("cell", SHIPPED)
def test_cards_are_complete(cell):
    card = packaged(cell, "digits")
    assert card["cell"] == cell and card["data"] == "digits" and card["images"] == 360
    assert card["network"] == {"kind": "cifar", "channels": 12, "layers": 8, "num_classes": 10,
                               "in_channels": 1}
    assert card["input"]["mean"] == load("digits").mean
    assert card["recipe"]["epochs"] == card["epochs"]
    assert card["hours"] == round(card["seconds"] / 3600, 2) > 0
    assert card["hardware"] and card["seed"] >= 0 and card["training_precision"] == "float32"
    assert "CC BY 4.0" in card["licence"]


def test_every_file_has_its_card():
    assert packaged_cells("digits") == SHIPPED
    stems = [{path.stem for path in HERE.glob(f"*.{kind}")} for kind in ("json", "safetensors")]
    assert stems[0] == stems[1]


def test_names_and_aliases_find_the_same_weights():
    assert packaged("DARTS", "digits") == packaged("DARTS_V1", "digits")
    assert packaged("NASNet", "digits")["cell"] == "NASNet_A"
    assert packaged("PDARTS", "digits") is None
    assert packaged("DARTS", "cifar100") is None
    with pytest.raises(LookupError):
        packaged("DARTZ", "digits")


# --- create_model(weights=...) --------------------------------------------------------------


def test_shipped_weights_bring_their_settings():
    model = create_model("DARTS", weights="digits", channels=12, auxiliary=True)
    assert model.layers == 8 and model.auxiliary_head is not None
    for settings, message in [({"channels": 16}, "channels=12, not 16"),
                              ({"num_classes": 100}, "num_classes=10, not 100"),
                              ({"network": "imagenet"}, "network='cifar', not 'imagenet'")]:
        with pytest.raises(ValueError, match=message):
            create_model("DARTS", weights="digits", **settings)


def test_missing_weights():
    with pytest.raises(ValueError, match="only those of AmoebaNet_A, DARTS_V1"):
        create_model("PDARTS", weights="digits")
    with pytest.raises(ValueError, match="no weights are shipped for 'svhn'"):
        create_model("DARTS", weights="svhn")
    with pytest.raises(ValueError, match="no file or folder"):
        create_model("DARTS", weights="absent/model.safetensors")
    with pytest.raises(ValueError, match="needs the name of a cell"):
        create_model(small().genotype, weights="digits")


def test_weights_from_a_file(tmp_path):
    model = small()
    save_weights(model, tmp_path / "a.safetensors")
    assert same(create_model("DARTS", weights=tmp_path / "a.safetensors", **SMALL), model)


# --- files ----------------------------------------------------------------------------------


def test_weights_survive_a_round_trip(tmp_path):
    model, other = small(auxiliary=True), small()
    save_weights(model, tmp_path / "a.safetensors")
    load_weights(other, tmp_path / "a.safetensors")
    assert same(model, other)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_half_precision_rounds_matrices_and_keeps_vectors(tmp_path):
    model, other = small(), small()
    model.cells[0].preprocess0.op[2].running_var.fill_(1e-9)  # zero in float16
    save_weights(model, tmp_path / "a.safetensors", half=True)
    load_weights(other, tmp_path / "a.safetensors")
    for name, value in trained_state(other).items():
        assert value.dtype in (torch.float32, torch.int64)
        before = model.state_dict()[name]
        assert torch.equal(value, before.half().float() if before.ndim > 1 else before)
    save_weights(model, tmp_path / "b.safetensors")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in "ab"]
    assert sizes[0] < 0.8 * sizes[1]


def test_the_tied_language_model_is_stored_once(tmp_path):
    settings = {"network": "language", "vocabulary": 7, "embedding": 4, "hidden": 4}
    model, other = (create_model("ENAS_RNN", **settings) for _ in range(2))
    save_weights(model, tmp_path / "a.safetensors")
    load_weights(other, tmp_path / "a.safetensors")
    assert same(model, other) and torch.equal(other.decoder.weight, model.encoder.weight)


@pytest.mark.parametrize("damage", [
    lambda content: content[: len(content) // 2],
    lambda content: content[:-1],
    lambda content: content[:4],
    lambda content: b"",
    lambda content: b"{}" + content,
])
def test_damaged_files_are_one_line(tmp_path, damage):
    path = tmp_path / "a.safetensors"
    save_weights(small(), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WeightsError) as caught:
        load_weights(small(), path)
    assert "a.safetensors" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("other, message", [
    (lambda: small("NASNet"), "is missing|is not part|has shape"),
    (lambda: small(channels=8), "stem.0.weight has shape .12, 1, 3, 3., in the network .24"),
    (lambda: small(layers=4), r"cells\.\d\.\S+ (is missing|has shape)"),
    (lambda: small(layers=2), "is not part of the network|has shape"),
])
def test_weights_of_another_network_name_the_first_mismatch(tmp_path, other, message):
    save_weights(small(), tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=message):
        load_weights(other(), tmp_path / "a.safetensors")


# --- shipping -------------------------------------------------------------------------------


def test_a_run_is_shipped_with_a_measured_accuracy(tmp_path):
    from zoo.commands.release_weights import ship
    from zoo.recipes.image import Recipe
    from zoo.training.classification import train

    recipe = Recipe(channels=4, layers=3, epochs=1)
    train("DARTS", load("digits"), recipe, tmp_path / "run", device="cpu")
    card = ship(tmp_path / "run", tmp_path / "shipped")
    assert json.loads((tmp_path / "shipped/DARTS_V1-digits.json").read_text()) == json.loads(
        json.dumps(card))
    model = create_model("DARTS", weights=tmp_path / "shipped/DARTS_V1-digits.safetensors",
                         **SMALL)
    data = load("digits")
    result = score(predict(model, data.test.images, data.mean, data.std), data.test.labels, 10)
    assert card["test_accuracy"] == result.accuracy


def test_a_card_counts_earlier_trainings(tmp_path):
    from zoo.commands.release_weights import ship
    from zoo.recipes.image import Recipe
    from zoo.training.classification import train

    recipe, weights = Recipe(channels=4, layers=3, epochs=1), None
    cards = []
    for name in ("first", "second", "third"):
        train("DARTS", load("digits"), recipe, tmp_path / name, device="cpu", weights=weights)
        cards.append(ship(tmp_path / name, tmp_path / "shipped"))
        weights = tmp_path / "shipped/DARTS_V1-digits.safetensors"
    first, second, third = cards
    assert "earlier" not in first
    assert [sitting["sha256"] for sitting in third["earlier"]] == [
        first["sha256"], second["sha256"]]
    assert [sitting["epochs"] for sitting in third["earlier"]] == [1, 1]
    assert third["training_precision"] == third["earlier"][0]["training_precision"] == "float32"
    assert third["epochs"] == 1
    place = tmp_path / "shipped/DARTS_V1-digits.json"
    place.write_text(json.dumps(third | {"agreement": ["some"]}))
    again = ship(tmp_path / "third", tmp_path / "shipped", remark="x")
    assert again == third | {"remark": "x", "agreement": ["some"]}
    # The third run's weights are shipped now, so no card knows the first's.
    for weights, earlier in (("first", 0), ("third", 3)):
        train("DARTS", load("digits"), recipe, tmp_path / f"after {weights}", device="cpu",
              weights=tmp_path / weights)
        shutil.copytree(tmp_path / "shipped", tmp_path / f"before {weights}")
        card = ship(tmp_path / f"after {weights}", tmp_path / f"before {weights}")
        assert len(card.get("earlier", [])) == earlier and "agreement" not in card


def test_only_the_cell_of_the_name_is_shipped(tmp_path):
    from zoo.commands.release_weights import ship
    from zoo.recipes.image import Recipe
    from zoo.training.classification import train

    train("DARTS", load("digits"), Recipe(channels=4, layers=3, epochs=1), tmp_path / "run",
          genotype=genotype("DARTS_V2"), device="cpu")
    with pytest.raises(WeightsError, match="is named DARTS_V1 but has another cell"):
        ship(tmp_path / "run", tmp_path / "shipped")
    assert not (tmp_path / "shipped").exists()


def test_nothing_is_shipped_until_all_is_measured(tmp_path):
    from zoo.commands.release_weights import ship

    shutil.copytree(HERE, tmp_path / "here", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()}
    artifact = tmp_path / "run"
    artifact.mkdir()
    model = create_model("DARTS", channels=4, layers=3)
    save_weights(model, artifact / "model.safetensors")
    (artifact / "genotype.json").write_text(to_json(model.genotype))
    (artifact / "config.json").write_text('{"recipe": {}}')
    spec = {"height": 32, "width": 32, "channels": 3, "mean": [0.5] * 3, "std": [0.5] * 3}
    for data, error, words in (("cifar10", DataError, "not a folder"),
                               ("cifar100", WeightsError, "no license for weights trained on")):
        finalize(artifact, Manifest(
            name="x", genotype="DARTS", network={"kind": "cifar", **model.settings},
            input=spec | {"data": data}, trained=True, parameters=1))
        with pytest.raises(error, match=words):
            ship(artifact, tmp_path / "here", path=tmp_path / "nowhere")
    assert {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()} == before
