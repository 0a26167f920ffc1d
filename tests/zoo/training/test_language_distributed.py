"""One language model in two processes, as torchrun starts them, on this machine's CPU."""

import contextlib
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.zoo.training.test_distributed import switched_off, torchrun
from tests.zoo.waves import TINY, waves
from zoo.artifact.folder import check_files, read_manifest
from zoo.models.recurrent import LanguageModel
from zoo.registry import genotype
from zoo.system import distributed
from zoo.training.language_modeling import train
from zoo.training.tasks.language import LanguageTask
from zoo.training.trainer import Trainer

MODULE = "tests.zoo.training.test_language_distributed"
# Only weights and lengths are random, so that two halves equal one whole.
PLAIN = TINY.but(dropout=0.0, dropout_words=0.0, dropout_embedding=0.0, dropout_hidden=0.0,
                 dropout_input=0.0)
RECIPES = {
    "adamw": PLAIN,
    "nt-asgd": PLAIN.but(optimizer="nt-asgd", ema_decay=0.0, schedule="constant", nonmonotone=1,
                         random_bptt=True, learning_rate=5.0, epochs=4, clip_norm=0.25),
    "dropped": TINY.but(dropout=0.3, dropout_hidden=0.2, dropout_words=0.1),
}


def in_each_process(folder: Path, name: str, resume: bool, stop: bool) -> None:
    """The work of each process: torchrun runs this file as a module."""
    if stop:  # after an epoch, as if the machine had been switched off
        whole = Trainer.epoch
        Trainer.epoch = lambda trainer, report: (
            switched_off() if trainer.epochs == 1 else whole(trainer, report))
    manifest = train("DARTS_V2_RNN", waves(), RECIPES[name], folder, seed=3, device="cpu",
                     resume=resume)
    Path(f"{folder}-{distributed.rank()}.json").write_text(manifest.model_dump_json())


def check_threads() -> None:
    """The group leaves no threads, which might abort the process as Python exits."""
    if sys.platform == "linux":
        names = []
        for thread in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):  # it has ended
                names.append((thread / "comm").read_text())
        assert names and not [name for name in names if "gloo" in name]


if __name__ == "__main__":
    trainings = list(zip(*(word.split(os.pathsep) for word in sys.argv[1:3]), strict=True))
    # A process can join a group only once.
    with (distributed.group(torch.device("cpu")) if len(trainings) > 1
          else contextlib.nullcontext()):
        for place, name in trainings:
            in_each_process(Path(place), name, "resume" in sys.argv, "stop" in sys.argv)
    check_threads()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Recipe -> the folder written by two processes, which train the recipes one after another."""
    folders = {name: tmp_path_factory.mktemp(name) / "two" for name in ("adamw", "nt-asgd")}
    torchrun(MODULE, os.pathsep.join(map(str, folders.values())), os.pathsep.join(folders))
    return folders


@pytest.mark.xdist_group("two writing processes")
@pytest.mark.parametrize("name", ["adamw", "nt-asgd"])
def test_two_processes_train_like_one(trained, name):
    tmp_path = trained[name].parent
    manifests = [Path(f"{tmp_path / 'two'}-{rank}.json").read_text() for rank in (0, 1)]
    assert manifests[0] == manifests[1] == read_manifest(tmp_path / "two").model_dump_json()
    check_files(tmp_path / "two", read_manifest(tmp_path / "two"))
    assert read_manifest(tmp_path / "two").metrics["hardware"].startswith("2 x ")

    train("DARTS_V2_RNN", waves(), RECIPES[name], tmp_path / "one", seed=3, device="cpu")
    rows = [[json.loads(line) for line in (tmp_path / run / "history.jsonl").open()]
            for run in ("one", "two")]
    for one, two in zip(*rows, strict=True):
        assert one.pop("optimizer") == two.pop("optimizer")
        assert one == pytest.approx(two | {"seconds": one["seconds"]}, rel=1e-3)
    wanted = load_file(tmp_path / "one/model.safetensors")
    for key, value in load_file(tmp_path / "two/model.safetensors").items():
        torch.testing.assert_close(value, wanted[key], rtol=1e-3, atol=1e-4)


def test_token_streams_are_divided(monkeypatch):
    def network():
        return LanguageModel(genotype("DARTS_V2_RNN"), waves().vocabulary_size, 8, 8)

    whole = LanguageTask(network, waves().train, TINY, torch.device("cpu"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    parts = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        parts.append(LanguageTask(network, waves().train, TINY, torch.device("cpu")))
    joined = torch.stack([part.text for part in parts], dim=2).flatten(1)
    assert torch.equal(joined, whole.text)
    assert [part.length * part.units for part in parts] == [whole.length * whole.units] * 2
    with pytest.raises(ValueError, match="cannot be divided evenly among 2 processes"):
        LanguageTask(network, waves().train, TINY.but(batch_size=3), torch.device("cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dropped", "nt-asgd"])
def test_two_processes_resume_with_the_same_bits(tmp_path, name):
    torchrun(MODULE, tmp_path / "whole", name)
    torchrun(MODULE, tmp_path / "cut", name, "stop")
    assert torch.load(tmp_path / "cut/checkpoint.pt", weights_only=True)["epoch"] == 1
    assert not (tmp_path / "cut/manifest.json").exists()
    torchrun(MODULE, tmp_path / "cut", name, "resume")
    first, second = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "cut"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.slow
def test_the_command_prints_once_and_resumes(tmp_path):
    words = ["zoo", "train", "DARTS_V2_RNN", "--hidden", 8, "--epochs", 2, "--device", "cpu",
             "-o", tmp_path / "run"]
    stdout, stderr = torchrun(*words)
    assert stdout.count("parameters") == 1
    assert stderr.count("\nepoch 1: loss") == stderr.count("\nepoch 2: loss") == 1
    assert "2 epochs on cpu in float32 in 2 processes" in stderr
    assert len(list((tmp_path / "run/tb").iterdir())) == 1
    stdout, _ = torchrun(*words, "--resume")  # finished already
    assert stdout.count("parameters") == 1
