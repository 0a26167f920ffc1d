"""A build into the folder of an artifact adds to it; replacing something takes --replace, and the
history of a training is never lost."""

import dataclasses

import pytest

from export.checks import verify
from export.formats.base import FORMATS
from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.export.test_pipeline import contents, small
from tests.zoo.tiny_runs import TINY
from zoo.artifact.folder import ArtifactError, check_files, read_manifest, writing
from zoo.create import create_model
from zoo.data.base import Split
from zoo.data.images import load
from zoo.training.classification import train


@pytest.fixture(autouse=True)
def quick_formats(monkeypatch):
    """Replace formats that need TensorFlow and seconds by copies of ONNX with the same rules."""
    def write(model, place, options):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(model.SerializeToString())

    for name, rules in {"plain": {}, "rounded": {"precisions": ("float32", "float16", "uint8")},
                        "converted": {"converts": True},
                        }.items():
        monkeypatch.setitem(FORMATS, name, dataclasses.replace(
            FORMATS["onnx"], name=name, place=f"{name}/model.onnx", source="onnx", write=write,
            **{"precisions": ("float32",)} | rules))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder of `zoo train`, with TensorBoard events."""
    data = load("digits")
    data = dataclasses.replace(data, train=Split(*(part[:60] for part in vars(
        data.train).values())))
    folder = tmp_path_factory.mktemp("runs") / "run"
    recipe = TINY.but(epochs=1, drawings=0)
    train("DARTS", data, recipe, folder, device="cpu", events=True)
    return folder, data, recipe


def added(before: dict[str, str], folder) -> set[str]:
    """The new files; the old ones must be unchanged, except those that describe the folder."""
    after = contents(folder)
    changed = {name for name, digest in before.items() if after.get(name) != digest}
    assert changed <= {"manifest.json", "README.md", "fixtures/input.bin", "fixtures/logits.bin",
                       "cell.svg"}
    check_files(folder, read_manifest(folder))
    return after.keys() - before.keys()


# --- formats ----------------------------------------------------------------------------------


def test_another_format_is_added_to_the_manifest(tmp_path):
    one = build(small(), ["plain"], tmp_path / "out")
    before = contents(tmp_path / "out")
    both = build(small(), ["onnx"], tmp_path / "out")
    assert added(before, tmp_path / "out") == {"onnx/model.onnx"}
    assert both == read_manifest(tmp_path / "out")
    assert both.model_copy(update={"files": {}, "parity": []}) == \
        one.model_copy(update={"files": {}, "parity": []})
    assert [entry.hop for entry in both.parity] == ["onnx", "plain"]
    assert [row.name for row in verify.formats_of(tmp_path / "out")] == ["files", "onnx", "plain"]
    assert "onnxruntime.InferenceSession" in (tmp_path / "out/README.md").read_text()


def test_an_existing_format_is_rewritten(tmp_path):
    build(small(), ["onnx", "rounded"], tmp_path / "out", "uint8")
    (tmp_path / "out/rounded/notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="rounded/notes.txt, which is not part of the artifact"):
        build(small(), ["rounded"], tmp_path / "out", "float16")
    (tmp_path / "out/rounded/notes.txt").unlink()
    manifest = build(small(), ["rounded"], tmp_path / "out", "float16")
    assert manifest.precision == "float16"
    assert {"onnx/model.onnx", "rounded/model.onnx"} <= manifest.files.keys()


def test_the_figures_of_the_other_formats_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("export.addition.installed_version", lambda name: "1.0")
    old = build(small(), ["rounded", "converted"], tmp_path / "out", "uint8", "zoo")
    monkeypatch.setattr("export.addition.installed_version", lambda name: "2.0")
    new = build(small("another name"), ["plain"], tmp_path / "out")
    assert (new.name, new.precision, new.converter) == (old.name, "uint8", "zoo")
    assert set(old.tools.values()) == {"1.0"}
    assert new.tools == {"onnx": "1.0, 2.0", "onnxruntime": "1.0, 2.0", "torch": "2.0"}


@pytest.mark.parametrize("there, precision, asked", [
    ("rounded", "uint8", "--precision uint8"), ("converted", "float32", "--converter zoo")])
def test_one_manifest_has_one_precision_and_one_converter(tmp_path, monkeypatch, there, precision,
                                                          asked):
    build(small(), [there], tmp_path / "out", precision)
    before = contents(tmp_path)
    monkeypatch.setitem(FORMATS, "other", dataclasses.replace(
        FORMATS[there], name="other", place="other/model.onnx"))
    monkeypatch.setattr("export.pipeline.check_packages", lambda *_: None)
    words = small(), ["other"], tmp_path / "out", "float32", "onnx-tf"
    with pytest.raises(ArtifactError, match=f"out holds {there} with {asked}; .* --replace"):
        build(*words)
    assert contents(tmp_path) == before
    assert "onnx/model.onnx" not in build(*words, replace=True).files
    assert not (tmp_path / "out" / there).exists()


@pytest.mark.parametrize("other", [
    lambda: find("DARTS_V2", BuildOptions(channels=4, layers=3)),
    lambda: find("DARTS", BuildOptions(channels=4, layers=3, seed=1)),
    lambda: find("DARTS", BuildOptions(channels=4, layers=3, size=9))])
def test_another_network_is_not_added(tmp_path, other):
    build(find("DARTS", BuildOptions(channels=4, layers=3)), ["onnx"], tmp_path / "out")
    before = contents(tmp_path)
    with pytest.raises(ArtifactError, match="out holds another network, DARTS-digits, which would"):
        build(other(), ["plain"], tmp_path / "out")
    assert contents(tmp_path) == before
    build(other(), ["plain"], tmp_path / "out", replace=True)
    assert not (tmp_path / "out/onnx").exists()


@pytest.mark.parametrize("name", ["onnx/model.onnx", "model.safetensors"])
def test_a_damaged_folder_is_replaced_on_request(tmp_path, name):
    build(small(), ["onnx"], tmp_path / "out")
    (tmp_path / "out" / name).write_bytes(b"cut off")
    before = contents(tmp_path)
    with pytest.raises(ArtifactError, match=f"{name} has changed"):
        build(small(), ["plain"], tmp_path / "out")
    assert contents(tmp_path) == before
    build(small(), ["plain"], tmp_path / "out", replace=True)
    check_files(tmp_path / "out", read_manifest(tmp_path / "out"))


@pytest.mark.parametrize("replace", [False, True])
def test_a_foreign_manifest_is_left_alone(tmp_path, replace):
    """Web apps have a manifest.json too."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/manifest.json").write_text('{"name": "my app"}')
    with pytest.raises(ArtifactError, match="is not empty and not an artifact"):
        build(small(), ["onnx"], tmp_path / "out", replace=replace)
    assert (tmp_path / "out/manifest.json").read_text() == '{"name": "my app"}'


# --- trainings --------------------------------------------------------------------------------


@pytest.mark.parametrize("replace", [False, True])
def test_the_history_of_a_training_stays(run, tmp_path, replace):
    import shutil

    folder, data, recipe = run
    mine = shutil.copytree(folder, tmp_path / "run")
    before = contents(mine)
    manifest = build(find(str(mine), BuildOptions()), ["onnx"], mine, replace=replace)
    new = added(before, mine)
    assert {"onnx/model.onnx", "cell.svg", "README.md"} <= new and "config.json" in manifest.files
    assert manifest.metrics == read_manifest(folder).metrics and manifest.trained
    # The run still counts as finished.
    assert train("DARTS", data, recipe, mine, device="cpu", resume=True) == manifest
    build(find(str(mine), BuildOptions()), ["plain"], mine, replace=replace)
    assert (mine / "onnx/model.onnx").exists() != replace
    assert (mine / "history.jsonl").read_bytes() == (folder / "history.jsonl").read_bytes()


@pytest.mark.parametrize("replace", [False, True])
def test_a_training_of_another_network_is_never_replaced(run, tmp_path, replace):
    folder, _, _ = run
    before = contents(folder)
    with pytest.raises(ArtifactError, match="holds a training, whose history and settings would be "
                       "lost; choose another folder with -o"):
        build(small(), ["onnx"], folder, replace=replace)
    assert contents(folder) == before


@pytest.mark.parametrize("target, content", [("run", "a training"), ("out", "an export")])
def test_an_import_replaces_neither(run, tmp_path, target, content):
    import torch

    from zoo.checkpoints.importing import import_checkpoint

    folder = run[0] if target == "run" else tmp_path / "out"
    if target == "out":
        build(small(), ["onnx"], folder)
    torch.save(create_model("DARTS", channels=4, layers=3).state_dict(), tmp_path / "a.pt")
    before = contents(folder)
    with pytest.raises(ArtifactError, match=f"holds {content}, .* choose another folder with -o"):
        import_checkpoint(tmp_path / "a.pt", "DARTS", folder)
    assert contents(folder) == before
    with pytest.raises(ArtifactError), writing(folder):
        pass
