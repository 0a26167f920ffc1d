"""The memory estimate counts tensors while they live, and changes nothing."""

import dataclasses

import pytest
import torch

from search.reporting import memory
from search.settings import ConvSettings
from search.strategies.darts import Darts
from search.tasks.image import ImageSearchTask
from zoo.data.base import Split
from zoo.data.images import load
from zoo.system.live_tensors import LiveTensors


def darts(dtype=torch.float32, **changes):
    data = load("digits")
    few = dataclasses.replace(data, train=Split(data.train.images[:16], data.train.labels[:16]))
    settings = ConvSettings(channels=4, layers=3, batch_size=8).but(**changes)
    return Darts(ImageSearchTask(few, settings, torch.device("cpu"), 0), settings, dtype=dtype)


def test_tensors_are_counted_while_they_live():
    before = torch.ones(1000)
    with LiveTensors([before]) as live:
        one = before + 1  # 4000 bytes
        two = one + 1
        assert live.now == live.peak == 8000
        view = two[:10]
        before.add_(1)  # neither allocates
        del one
        assert live.now == 4000 and live.peak == 8000
        three = two.double()
    assert live.peak == 12000
    del view, three


@pytest.mark.parametrize("order", [1, 2])
def test_an_estimate_changes_nothing(order):
    strategy, untouched = darts(order=order), darts(order=order)
    assert memory.peak_memory(strategy) > 0
    assert strategy.epoch(1) == untouched.epoch(1)


def test_more_images_and_a_step_ahead_need_more():
    small, large, ahead = (memory.peak_memory(darts(**changes)) for changes in (
        {}, {"batch_size": 16}, {"order": 2}))
    assert 1.5 * small < large < 2.5 * small
    assert ahead > small


def test_the_finite_difference_of_bfloat16_is_counted_in_float32():
    strategy = darts(torch.bfloat16, order=2)
    loss, seen = strategy.network.training_loss, []
    strategy.network.training_loss = lambda *arguments: (
        seen.append(torch.is_autocast_enabled("cpu")), loss(*arguments))[1]
    memory.peak_memory(strategy)
    assert seen == [True, True, False] * 2
