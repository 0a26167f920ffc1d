"""One training in two processes, as torchrun starts them, on this machine's CPU."""

import copy
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from zoo.artifact.folder import check_files, read_manifest
from zoo.create import create_model
from zoo.data.base import ImageData, Split
from zoo.data.image_batches import Batches
from zoo.data.images import load
from zoo.recipes.image import Recipe
from zoo.recipes.schedule import learning_rate
from zoo.system import distributed
from zoo.training.classification import train
from zoo.training.tasks.image import cross_entropy, make_optimizer
from zoo.training.trainer import Trainer

ROOT = Path(__file__).parents[3]
# Only weights and order are random, so that one process can compute both parts.  61 images make
# three batches of 16 and one of 13, whose last image is left out.
PLAIN = Recipe(channels=4, layers=3, epochs=2, batch_size=16, learning_rate=0.05, drop_path=0.0,
               auxiliary_weight=0.4, ema_decay=0.9)
MODERN = PLAIN.but(drop_path=0.2, shift=1, cutout=2, validation=20, precision="bfloat16",
                   schedule="warm-up-cosine", drawings=10)


def few() -> ImageData:
    data = load("digits")
    return ImageData("digits", Split(data.train.images[:61], data.train.labels[:61]),
                     Split(data.test.images[:40], data.test.labels[:40]),
                     data.labels, data.mean, data.std)


def torchrun(*words, code=0):
    """(stdout, stderr); stderr ends with torchrun's report if a process fails."""
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "-m", *map(str, words)],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})
    assert (done.returncode == 0) == (code == 0), done.stderr
    return done.stdout, done.stderr


def switched_off() -> None:
    """End this process as a power cut does, once all processes are here."""
    torch.distributed.barrier()
    time.sleep(1)
    os._exit(0)


def in_each_process(folder: Path, recipe: Recipe, resume: bool, stop: bool) -> None:
    """The work of each process: torchrun runs this file as a module."""
    if stop:  # after an epoch, as if the machine had been switched off
        whole = Trainer.epoch
        Trainer.epoch = lambda trainer, report: (
            switched_off() if trainer.epochs == 1 else whole(trainer, report))
    manifest = train("DARTS", few(), recipe, folder, seed=3, device="cpu", resume=resume)
    Path(f"{folder}-{distributed.rank()}.json").write_text(manifest.model_dump_json())


if __name__ == "__main__":
    in_each_process(Path(sys.argv[1]), MODERN if "modern" in sys.argv else PLAIN,
                    resume="resume" in sys.argv, stop="stop" in sys.argv)


def in_one_process(monkeypatch) -> tuple[nn.Module, list[float]]:
    """The expected result of two processes: gradients of both halves of each batch, averaged."""
    data = few()
    torch.manual_seed(3)
    model = create_model("DARTS", channels=4, layers=3, in_channels=1, auxiliary=True)
    optimizer = make_optimizer(model, PLAIN)
    averaged, steps, losses = copy.deepcopy(model.state_dict()), 0, []
    monkeypatch.setenv("WORLD_SIZE", "2")
    for epoch in range(PLAIN.epochs):
        parts = []
        for rank in ("0", "1"):
            monkeypatch.setenv("RANK", rank)
            batches = Batches(data, PLAIN, 3, torch.device("cpu"))
            parts.append(list(batches.epoch(epoch)))
        assert [len(labels) for _, labels in parts[0]] == [8, 8, 8, 6]
        found = []
        for step, halves in enumerate(zip(*parts), epoch * batches.steps):
            model.train()
            gradients = []
            other = copy.deepcopy(model)  # its batch-norm statistics are dropped
            for network, (images, labels) in zip((model, other), halves):
                loss, _ = cross_entropy(network(images), labels, PLAIN)
                network.zero_grad()
                loss.backward()
                gradients.append([value.grad for value in network.parameters()])
                found.append((loss.item(), len(labels)))
            for value, one, two in zip(model.parameters(), *gradients):
                value.grad = (one + two) / 2
            nn.utils.clip_grad_norm_(model.parameters(), PLAIN.clip_norm)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(PLAIN, step, batches.steps)
            optimizer.step()
            steps += 1
            keep = min(0.9, (1 + steps) / (10 + steps))
            for name, value in model.state_dict().items():
                averaged[name] = (keep * averaged[name] + (1 - keep) * value
                                  if value.is_floating_point() else value.clone())
        losses.append(sum(loss * count for loss, count in found) / sum(n for _, n in found))
    model.load_state_dict(averaged)
    return model, losses


def test_two_processes_train_one_network(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    torchrun("tests.zoo.training.test_distributed", folder)
    manifests = [Path(f"{folder}-{rank}.json").read_text() for rank in (0, 1)]
    assert manifests[0] == manifests[1] == read_manifest(folder).model_dump_json()
    check_files(folder, read_manifest(folder))

    model, losses = in_one_process(monkeypatch)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [row["train_loss"] for row in rows] == pytest.approx(losses, rel=1e-4)
    assert [row["images"] for row in rows] == [60, 60]
    wanted = model.state_dict()
    for name, value in load_file(folder / "model.safetensors").items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-3, atol=1e-4)


def test_parts_of_a_batch_follow_one_order(monkeypatch):
    data, halves = few(), []
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        torch.manual_seed(int(rank))  # each process may have another random state
        halves.append(Batches(data, PLAIN, 3, torch.device("cpu"))._choose(0))
    seen = torch.cat([torch.cat(pair) for pair in zip(*halves)])
    assert len(seen) == 60 and len(seen.unique()) == 60
    assert not torch.equal(seen.sort().values, seen)
    with pytest.raises(ValueError, match="too small for 2 processes"):
        Batches(data, PLAIN.but(batch_size=3), 3, torch.device("cpu"))


@pytest.mark.slow
def test_two_processes_resume_with_the_same_bits(tmp_path):
    module = "tests.zoo.training.test_distributed"
    torchrun(module, tmp_path / "whole", "modern")
    torchrun(module, tmp_path / "cut", "modern", "stop")
    assert torch.load(tmp_path / "cut/checkpoint.pt", weights_only=True)["epoch"] == 1
    assert not (tmp_path / "cut/manifest.json").exists()
    torchrun(module, tmp_path / "cut", "modern", "resume")
    first, second = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "cut"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    rows = [[{**json.loads(line), "seconds": 0} for line in
             (tmp_path / run / "history.jsonl").read_text().splitlines()]
            for run in ("whole", "cut")]
    assert rows[0] == rows[1] and "valid_accuracy" in rows[0][1]


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with (pytest.raises(ValueError, match="has 1 GPUs, too few for 2 processes; .*nproc"),
          distributed.group(torch.device("cuda"))):
        pass


@pytest.mark.slow
def test_the_command_prints_once_and_resumes(tmp_path):
    words = ["zoo", "train", "DARTS", "--channels", 4, "--layers", 3, "--epochs", 2, "--device",
             "cpu", "-o", tmp_path / "run"]
    stdout, stderr = torchrun(*words)
    assert stdout.count("test images") == 1
    assert stderr.count("\nepoch 1: loss") == stderr.count("\nepoch 2: loss") == 1
    assert "2 epochs on cpu in float32 in 2 processes" in stderr
    _, stderr = torchrun("zoo", "train", "DRATS", code=1)
    assert stderr.count("error: ") == 1 and "did you mean DARTS" in stderr
    _, stderr = torchrun(*words, code=1)
    assert stderr.count("error: ") == 1 and "choose another folder with -o" in stderr
    stdout, _ = torchrun(*words, "--resume")  # finished already
    assert stdout.count("test images") == 1
