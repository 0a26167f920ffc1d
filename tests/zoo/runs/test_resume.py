"""An interrupted training resumes with the same bits; other folders are left alone."""

import dataclasses
import errno
import json
import os
from pathlib import Path

import pytest
import torch

from tests.zoo.tiny_runs import MODERN, TINY, Stop, interrupted, same, weights
from zoo.data.images import load
from zoo.recipes.language import LanguageRecipe
from zoo.runs import run_folder
from zoo.runs.run_folder import RunError
from zoo.training.classification import train


@pytest.fixture(scope="module")
def modern_run(few, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "modern"
    train("DARTS", few, MODERN, folder, seed=3, device="cpu")
    return folder


def test_resume_gives_the_same_bits(whole_run, few, tmp_path):
    folder = tmp_path / "run"
    interrupted(few, folder, after_steps=3)  # in the first epoch: there is no checkpoint yet
    interrupted(few, folder, after_steps=8, resume=True)
    with open(folder / "history.jsonl", "a") as file:
        file.write('{"epoch": 2}\n')  # as if killed between the row and its checkpoint
    torch.manual_seed(99)
    interrupted(few, folder, after_steps=17, resume=True)
    manifest = train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=True)
    assert same(weights(folder), weights(whole_run[0]))
    assert not (folder / "checkpoint.pt").exists()
    history = [[{**json.loads(line), "seconds": 0} for line in
                (path / "history.jsonl").read_text().splitlines()]
               for path in (folder, whole_run[0])]
    assert history[0] == history[1]
    # Resuming a finished run changes nothing.
    assert train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=True) == manifest


def test_resume_requires_the_same_run(few, tmp_path):
    with pytest.raises(RunError, match="omit --resume"):
        train("DARTS", few, TINY, tmp_path / "run", device="cpu", resume=True)
    interrupted(few, tmp_path / "run", after_steps=7)
    others = [
        (("NASNet", few, TINY), {"seed": 3}, "cell DARTS, not NASNet"),
        (("DARTS", few, TINY), {"seed": 4}, "seed 3, not 4"),
        (("DARTS", few, TINY.but(channels=8)), {"seed": 3}, "channels 4, not 8"),
        (("DARTS", load("digits"), TINY), {"seed": 3}, "other training images"),
    ]
    for arguments, named, message in others:
        with pytest.raises(RunError, match=message):
            train(*arguments, tmp_path / "run", device="cpu", resume=True, **named)


@pytest.mark.parametrize("file, content, named", [
    ("config.json", b"{", "config.json is damaged"),
    ("config.json", b'{"recipe": {"width": 3}}', "config.json is damaged"),
    ("config.json", b'{"recipe": {}, "cell": "DARTS", "data": []}', "config.json is damaged"),
    ("checkpoint.pt", b"no checkpoint", "checkpoint.pt is damaged"),
    ("checkpoint.pt", None, "checkpoint.pt is damaged"),
])
def test_damaged_runs_are_named(few, tmp_path, file, content, named):
    interrupted(few, tmp_path / "run", after_steps=7)
    path = tmp_path / "run" / file
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    with pytest.raises(RunError, match=named):
        train("DARTS", few, TINY, tmp_path / "run", seed=3, device="cpu", resume=True)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    state = {"epoch": 1, "model": {}, "optimizer": {}, "random": {}}
    run_folder.save_checkpoint(tmp_path, state)

    def half_written(descriptor):
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, "fsync", half_written)
        run_folder.save_checkpoint(tmp_path, state | {"epoch": 2})
    assert [path.name for path in tmp_path.iterdir()] == [run_folder.CHECKPOINT]
    assert run_folder.load_checkpoint(tmp_path)["epoch"] == 1


def test_an_older_run_resumes_without_newer_settings(whole_run, few, tmp_path):
    folder = tmp_path / "run"
    interrupted(few, folder, after_steps=8)
    config = json.loads((folder / "config.json").read_text())
    for name in ("schedule", "ema_decay", "nesterov", "validation", "precision"):
        del config["recipe"][name]
    (folder / "config.json").write_text(json.dumps(config))
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    del checkpoint["average"]
    torch.save(checkpoint, folder / "checkpoint.pt")
    with pytest.raises(RunError, match="ema_decay 0.0, not 0.9"):
        train("DARTS", few, TINY.but(ema_decay=0.9), folder, seed=3, device="cpu", resume=True)
    train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=True)
    assert same(weights(folder), weights(whole_run[0]))


def test_a_run_with_setting_names_of_an_earlier_release_resumes(few, tmp_path, modern_run):
    folder = tmp_path / "run"
    with pytest.raises(Stop):
        def report(step, _, row):
            if step == 8:
                raise Stop
        train("DARTS", few, MODERN, folder, seed=3, device="cpu", report=report)
    recipe = json.loads((folder / "config.json").read_text())["recipe"]
    recipe["average"] = recipe.pop("ema_decay")
    config = json.loads((folder / "config.json").read_text()) | {"recipe": recipe}
    (folder / "config.json").write_text(json.dumps(config))
    train("DARTS", few, MODERN, folder, seed=3, device="cpu", resume=True)
    assert same(weights(folder), weights(modern_run))


def test_averages_and_best_weights_resume_with_the_same_bits(few, tmp_path, modern_run):
    folder = tmp_path / "run"
    for steps in (2, 5, 9):
        with pytest.raises(Stop):
            def report(step, _, row, steps=steps):
                if step >= steps and row is None:
                    raise Stop
            train("DARTS", few, MODERN, folder, seed=3, device="cpu", report=report,
                  resume=steps > 2)
    train("DARTS", few, MODERN, folder, seed=3, device="cpu", resume=True)
    assert same(weights(folder), weights(modern_run))


def test_folders_that_hold_something_are_left_alone(whole_run, few, tmp_path):
    def refused(folder, message):
        before = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else None
        with pytest.raises(RunError, match=message):
            train("DARTS", few, TINY, folder, seed=3, device="cpu")
        assert before is None or before == sorted(path.name for path in folder.iterdir())

    refused(whole_run[0], "finished artifact; choose another folder with -o")
    interrupted(few, tmp_path / "run", after_steps=7)
    refused(tmp_path / "run", "continue it with --resume")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    refused(tmp_path / "mine", "is not empty and not a training run")
    (tmp_path / "file").write_text("keep")
    refused(tmp_path / "file", "not a folder")
    (tmp_path / "empty").mkdir()
    run_folder.start(tmp_path / "empty", {})  # an empty folder will do


def test_files_are_synced_before_the_checkpoint_is_removed(few, tmp_path, monkeypatch):
    folder, synced, sync = tmp_path / "run", set(), os.fsync
    kept, unlink = [], Path.unlink

    def note(descriptor):
        sync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    def look(path, missing_ok=False):
        if path.name == run_folder.CHECKPOINT:
            kept.extend(place for place in [folder, *folder.rglob("*")]
                        if place.is_file() and place.name != run_folder.LOCK or place == folder)
            assert [place for place in kept if place.stat().st_ino not in synced] == []
        unlink(path, missing_ok)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "unlink", look)
    train("DARTS", few, TINY.but(epochs=1), folder, device="cpu", events=True)
    assert {"model.safetensors", "manifest.json", "genotype.json", "labels.txt"} <= {
        place.name for place in kept}


# --- half-written files, and runs of another kind ---------------------------------------------


def test_half_written_files_of_a_kill_are_removed(few, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json.part").write_bytes(b"{")  # killed while the first file was written
    interrupted(few, folder, after_steps=7)
    for name in ("best.pt", "checkpoint.pt", "history.jsonl", "model.safetensors", "manifest.json"):
        (folder / f"{name}.part").write_bytes(b"half")
    manifest = train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=True)
    assert {path.name for path in folder.iterdir()} == {*manifest.files, "manifest.json"}
    assert not [name for name in manifest.files if name.endswith(".part")]


@pytest.mark.parametrize("name", ["thesis.part", "config.json.part/thesis.txt"])
def test_half_written_files_of_others_are_left_alone(few, tmp_path, name):
    foreign = tmp_path / "run" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    (tmp_path / "run" / "best.pt.part").write_bytes(b"half")
    with pytest.raises(RunError, match="is not empty and not a training run"):
        train("DARTS", few, TINY, tmp_path / "run", device="cpu")
    assert foreign.read_text() == "mine" and (tmp_path / "run" / "best.pt.part").exists()
    config = {"cell": "DARTS", "data": "digits", "data_sha256": "", "seed": 0,
              "precision": "float32", "recipe": {}}
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    run_folder.check_same(tmp_path / "run", config)
    run_folder.clean(tmp_path / "run")
    assert foreign.read_text() == "mine" and not (tmp_path / "run" / "best.pt.part").exists()


def test_a_run_of_another_kind_of_network_is_not_called_damaged(few, tmp_path):
    config = {"network": "language", "cell": "ENAS_RNN", "data": "sample", "by": "char",
              "data_sha256": "", "seed": 0, "precision": "float32",
              "recipe": dataclasses.asdict(LanguageRecipe())}
    run_folder.start(tmp_path / "text", config)
    with pytest.raises(RunError, match="text is a run of a language model, ENAS_RNN; resume it"):
        run_folder.read_config(tmp_path / "text")
    assert run_folder.read_config(tmp_path / "text", LanguageRecipe) == config
    interrupted(few, tmp_path / "images", after_steps=1)
    with pytest.raises(RunError, match="images is a run of an image network, DARTS; resume it"):
        run_folder.read_config(tmp_path / "images", LanguageRecipe)


@pytest.mark.parametrize("change", [
    lambda state: state["model"].update({"stem.0.w": state["model"].pop("stem.0.weight")}),
    lambda state: state["model"].update({"stem.0.weight": torch.zeros(3)}),
    lambda state: state.update(optimizer={"state": {}, "param_groups": []}),
    lambda state: state.update(random={}), lambda state: state.update(seconds=None, epoch=None),
])
def test_a_checkpoint_that_holds_something_else_is_damaged(change, few, tmp_path):
    """Reading does not verify the zip of torch.save."""
    interrupted(few, tmp_path / "run", 8)
    path = tmp_path / "run/checkpoint.pt"
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)
    with pytest.raises(ValueError, match="is damaged"):
        train("DARTS", few, TINY, tmp_path / "run", seed=3, device="cpu", resume=True)


@pytest.mark.parametrize("threads", [True, 0, 10**30, "2"])
def test_an_invalid_number_of_threads(threads, few, tmp_path):
    interrupted(few, tmp_path / "run", 8)
    path = tmp_path / "run/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"threads": threads}))
    with pytest.raises(ValueError, match="config.json is damaged"):
        train("DARTS", few, TINY, tmp_path / "run", seed=3, device="cpu", resume=True)
