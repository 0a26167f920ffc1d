"""Checkpoints of the 2018 release become artifacts; anything else is refused in one line."""

import re
import shutil

import pytest
import torch
from typer.testing import CliRunner

import zoo
from zoo.artifact.folder import ArtifactError, check_files, read_manifest
from zoo.checkpoints.file import WeightsError
from zoo.checkpoints.fit import cells_with, infer, shapes
from zoo.checkpoints.importing import import_checkpoint
from zoo.cli import app
from zoo.create import create_model
from zoo.genotypes.serialization import to_json
from zoo.registry import records
from zoo.weights import load_artifact, trained_state

SMALL = {"channels": 4, "layers": 5, "num_classes": 10, "auxiliary": True}


def checkpoint(path, cell="DARTS_V2", network="cifar", change=dict, **settings):
    """Save a network's state dict, after `change`, and return the network."""
    torch.manual_seed(0)
    model = create_model(cell, network, **({} if network == "language" else SMALL) | settings)
    torch.save(change(model.state_dict()), path)
    return model


def as_in_2018(state):
    """Under 'state_dict', with 'module.', without the counters that torch 0.3 lacks."""
    return {"epoch": 600, "optimizer": {"param_groups": [{"lr": 0.0}]}, "state_dict": {
        f"module.{name}": value for name, value in state.items()
        if "num_batches_tracked" not in name}}


def refused(path, cell="DARTS_V2", error=WeightsError, **named) -> str:
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


def test_cifar10_is_recognized_by_its_classes(tmp_path):
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


def test_hierarchical_cells(tmp_path):
    cell = zoo.HierarchicalGenotype([[[["sep_conv_3x3_relu"]]], [[["motif_1"]]]])
    (tmp_path / "mine.json").write_text(to_json(cell))
    model = create_model(cell, channels=4, layers=3, num_classes=7, auxiliary=True).eval()
    torch.save({"model": model.state_dict()}, tmp_path / "a.pt")
    manifest = import_checkpoint(tmp_path / "a.pt", str(tmp_path / "mine.json"), tmp_path / "out")
    assert manifest.network.settings() == {"channels": 4, "layers": 3, "num_classes": 7,
                                           "in_channels": 3}
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(model(images), load_artifact(tmp_path / "out")[0](images))
    shutil.rmtree(tmp_path / "out")
    assert "it has a hierarchical cell, the network a conv one" in refused(tmp_path / "a.pt")


def test_an_earlier_import_is_replaced_and_a_foreign_folder_is_not(tmp_path):
    checkpoint(tmp_path / "a.pt")
    for _ in range(2):
        import_checkpoint(tmp_path / "a.pt", "DARTS_V2", tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(ArtifactError, match="and not an artifact"):
        import_checkpoint(tmp_path / "a.pt", "DARTS_V2", tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


# --- what does not fit ----------------------------------------------------------------------


def test_another_cell_names_the_first_key_and_matching_cells(tmp_path):
    checkpoint(tmp_path / "a.pt")
    message = refused(tmp_path / "a.pt", "DARTS_V1")
    assert re.search(r"does not fit the network: cells\.0\._ops\.\S+ \S", message)
    assert message.endswith("its shapes are those of DARTS_V2 (cifar network, channels 4, layers "
                            "5, num_classes 10, in_channels 3)")
    message = refused(tmp_path / "a.pt", "ENAS_RNN")
    assert ("it has a conv cell, the network a recurrent one; its shapes are those of "
            "DARTS_V2") in message


def test_a_checkpoint_of_no_registered_cell_names_the_nearest(tmp_path):
    def wider(state):
        return state | {"cells.0._ops.0.op.1.weight": torch.zeros(4, 1, 9, 9)}

    checkpoint(tmp_path / "a.pt", change=wider)
    message = refused(tmp_path / "a.pt", "NASNet")
    assert ("no registered cell has its shapes (cifar network, channels 4, layers 5, num_classes "
            "10, in_channels 3); the closest is DARTS_V2: cells.0._ops.0.op.1.weight has shape "
            "(4, 1, 9, 9), in the network (4, 1, 3, 3)") in message


def test_all_cells_that_it_fits_are_listed(tmp_path, monkeypatch):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "data"))
    for name in ("MINE", "MINE_TOO", "MINE_AS_WELL"):
        zoo.register(name, zoo.genotype("DARTS_V2"))
    checkpoint(tmp_path / "a.pt")
    assert ("its shapes are those of DARTS_V2 or MINE or MINE_AS_WELL or MINE_TOO (cifar"
            in refused(tmp_path / "a.pt", "DARTS_V1"))
    result = CliRunner().invoke(app, ["import", str(tmp_path / "a.pt")])
    assert result.exit_code == 1 and result.stderr == (
        f"error: give the cell of {tmp_path / 'a.pt'} with --cell: its shapes "
        "are those of DARTS_V2 or MINE or MINE_AS_WELL or MINE_TOO (cifar network, channels 4, "
        "layers 5, num_classes 10, in_channels 3); shapes do not determine the edges of a cell\n")


def test_a_cell_with_the_same_shapes_is_reported(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "data"))
    cell = zoo.genotype("DARTS_V2")
    edges = [[(name, 0 if source == 1 else source) for name, source in node]
             for node in cell.normal.nodes]
    zoo.register("REWIRED", zoo.ConvGenotype(zoo.Cell(edges, cell.normal.concat), cell.reduce))
    zoo.register("SAME", cell)
    checkpoint(tmp_path / "a.pt")
    import_checkpoint(tmp_path / "a.pt", "DARTS_V2", tmp_path / "out")
    assert (f"{tmp_path / 'a.pt'}: the shapes also fit REWIRED; they do not determine the edges "
            "of a cell") in caplog.messages


@pytest.mark.parametrize("name", [cell.name for cell in records(kind="conv")
                                  if cell.origin == "published"][::9])
def test_a_published_cell_is_known_by_its_shapes(name):
    sizes = ("imagenet", {"channels": 4, "layers": 5, "num_classes": 10, "in_channels": 3})
    tensors = {key: torch.empty(value.shape, dtype=value.dtype)
               for key, value in shapes(zoo.genotype(name), *sizes).items()}
    assert infer(tensors, "a.pt") == sizes
    assert name in [one.name for one in cells_with(tensors, sizes)]


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 20])
def test_a_network_of_any_depth_is_recognized(tmp_path, layers):
    checkpoint(tmp_path / "a.pt", layers=layers, auxiliary=False)
    import_checkpoint(tmp_path / "a.pt", "DARTS_V2", tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    message = refused(tmp_path / "a.pt", "AmoebaNet")
    # With one or two layers, all reductions, several cells match the shapes.
    assert re.search(r"its shapes are those of ([\w ]+ or )?DARTS_V2 ", message)


@pytest.mark.parametrize("change, message", [
    (lambda state: {}, "no state dict"),
    (lambda state: {"weight": torch.zeros(2)}, "none of stem.0.weight"),
    (lambda state: {"stem.0.weight": torch.zeros(2)}, "lacks some of the cells"),
    (lambda state: {"state_dict": [1, 2]}, "no state dict"),
    (lambda state: torch.zeros(3), "no state dict"),
    (lambda state: {k: v for k, v in state.items() if k != "classifier.weight"},
     "classifier.weight is missing"),
    (lambda state: state | {"cells.1000000000.x": torch.zeros(1)}, "cells.1000000000.x, of shape"),
    (lambda state: state | {"cells.100000.x": torch.zeros(1)}, "lacks some of the cells"),
    (lambda state: state | {"stem.0.weight": torch.zeros(0, 3, 3, 3)}, "stem.0.weight"),
    (lambda state: state | {"extra": torch.zeros(1)}, "extra, of shape (1,), is not part"),
])
def test_state_dicts_without_a_network(tmp_path, change, message):
    checkpoint(tmp_path / "a.pt", change=change)
    assert message in refused(tmp_path / "a.pt")


def test_the_wrong_kind_of_network(tmp_path):
    checkpoint(tmp_path / "a.pt")
    assert "is a cifar network" in refused(tmp_path / "a.pt", network="imagenet")


def test_missing_or_unrelated_files(tmp_path):
    assert "there is no file or folder" in refused(tmp_path / "a.pt")
    (tmp_path / "folder").mkdir()
    assert "is not an artifact folder" in refused(tmp_path / "folder", error=ArtifactError)
    checkpoint(tmp_path / "b.pt")
    assert "did you mean" in refused(tmp_path / "b.pt", "DARTS_V22", error=LookupError)
    import_checkpoint(tmp_path / "b.pt", "DARTS_V2", tmp_path / "artifact")
    assert "is already an artifact" in refused(tmp_path / "artifact")
    import_checkpoint(tmp_path / "artifact/model.safetensors", "DARTS_V2", tmp_path / "again")
    assert read_manifest(tmp_path / "again").network == read_manifest(tmp_path / "artifact").network


@pytest.mark.parametrize("name, folder", [
    ("a.pt", "DARTS_V2-a"), ("best.pth.tar", "DARTS_V2-best"), ("v1.2.ckpt", "DARTS_V2-v1.2"),
    ("model.safetensors", "DARTS_V2-model"), ("epoch.tar", "DARTS_V2-epoch"), ("x", "DARTS_V2-x")])
def test_a_folder_is_named_after_its_checkpoint(tmp_path, name, folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint(tmp_path / name)
    result = CliRunner().invoke(app, ["import", name, "--cell", "DARTS_V2"])
    assert result.exit_code == 0, result.output
    assert read_manifest(tmp_path / "runs" / folder).name == folder
    assert result.stderr == f"note: {name}: ignored the auxiliary head (14 tensors)\n"
