"""Learning rates equal closed forms and torch's own schedulers."""

import math

import pytest
import torch

from zoo.recipes.image import Recipe, recipe
from zoo.recipes.schedule import learning_rate


def rates(settings: Recipe, batches: int) -> list[float]:
    return [learning_rate(settings, step, batches) for step in range(settings.epochs * batches)]


def of_torch(make, steps: int, rate: float) -> list[float]:
    """The rates of a torch scheduler, stepped after each of `steps`."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    scheduler, found = make(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_cosine_is_torchs_epoch_by_epoch():
    settings = Recipe(epochs=7, learning_rate=0.025)
    epochs = of_torch(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 7), 7, 0.025)
    assert rates(settings, 3) == pytest.approx([rate for rate in epochs for _ in range(3)])


def test_the_paper_begins_at_its_rate_and_ends_near_zero():
    paper = recipe("cifar10")
    assert learning_rate(paper, 0, 521) == 0.025
    last = learning_rate(paper, 600 * 521 - 1, 521)
    assert last == pytest.approx(0.025 * (1 + math.cos(math.pi * 599 / 600)) / 2)


def test_imagenet_loses_three_percent_an_epoch():
    paper = recipe("imagenet")
    found = [learning_rate(paper, epoch * 10 + 9, 10) for epoch in range(250)]
    assert found == pytest.approx(
        of_torch(lambda o: torch.optim.lr_scheduler.StepLR(o, 1, 0.97), 250, 0.1))


def test_warm_up_then_cosine_is_torchs_two_schedules_in_a_row():
    settings = Recipe(epochs=10, learning_rate=0.1, schedule="warm-up-cosine", warm_up=0.2)

    def make(optimizer):
        rise = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / 10, 1, total_iters=9)
        fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
        return torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[10])

    found = rates(settings, 5)
    assert found == pytest.approx(of_torch(make, 50, 0.1))
    assert found[0] == pytest.approx(0.01) and max(found) == found[9] == found[10] == 0.1


def test_no_warm_up_begins_at_the_top():
    settings = Recipe(epochs=2, learning_rate=0.1, schedule="warm-up-cosine")
    assert rates(settings, 2) == pytest.approx([0.1, 0.1 * (1 + math.cos(math.pi / 4)) / 2, 0.05,
                                                0.1 * (1 - math.cos(math.pi / 4)) / 2])


@pytest.mark.parametrize("setting, value", [("schedule", "linear"), ("decay", 0.0),
                                            ("warm_up", 1.0)])
def test_invalid_schedules(setting, value):
    with pytest.raises(ValueError, match=setting):
        Recipe(**{setting: value})
