"""Trainings of a few seconds, and their files."""

import json

import pytest
import torch
from safetensors.torch import load_file

from zoo.recipes.image import Recipe
from zoo.training.classification import train

TINY = Recipe(channels=4, layers=3, epochs=3, batch_size=16, learning_rate=0.05, drop_path=0.2,
              label_smoothing=0.1, rotate=5, zoom=0.1, shift=1, cutout=2, drawings=20)
MODERN = TINY.but(schedule="warm-up-cosine", warm_up=0.3, nesterov=True, ema_decay=0.9,
                  norm_weight_decay=False, drawings=0, validation=20)


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first)


def history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


class Stop(Exception):
    pass


def interrupted(few, folder, after_steps, resume=False):
    def report(step, steps, row):
        if step >= after_steps and row is None:
            raise Stop

    with pytest.raises(Stop):
        train("DARTS", few, TINY, folder, seed=3, device="cpu", resume=resume, report=report)
