"""The batches of an epoch: each image once, in a new order, at the size of the epoch."""

import numpy as np
import pytest
import torch

from zoo.data.base import ImageData, Split
from zoo.data.image_batches import Batches
from zoo.recipes.image import Recipe

CPU = torch.device("cpu")
PLAIN = Recipe(epochs=6, batch_size=8)


def numbered(count: int, side: int = 8) -> ImageData:
    """Images filled with their number, which is also their label."""
    labels = np.arange(count)
    images = np.broadcast_to(labels[:, None, None, None], (count, side, side, 1)).astype(np.uint8)
    split = Split(images.copy(), labels)
    return ImageData("numbers", split, split, [str(n) for n in labels], [0.25], [0.5])


@pytest.mark.parametrize("count, sizes", [(24, [8, 8, 8]), (26, [8, 8, 8, 2]), (25, [8, 8, 8])])
def test_each_image_comes_once_with_its_label(count, sizes):
    torch.manual_seed(0)
    batches, orders = Batches(numbered(count), PLAIN, 0, CPU), []
    for epoch in range(2):
        seen = list(batches.epoch(epoch))
        assert [len(labels) for _, labels in seen] == sizes and batches.steps == len(sizes)
        for images, labels in seen:
            assert images.shape == (len(labels), 1, 8, 8)
            assert images.is_contiguous(memory_format=torch.channels_last)
            numbers = (images * 0.5 + 0.25) * 255
            assert torch.allclose(numbers, labels.view(-1, 1, 1, 1).float().expand_as(numbers))
        orders.append(torch.cat([labels for _, labels in seen]))
        assert len(orders[-1].unique()) == sum(sizes)  # of 25 one is left out, not a batch of one
    assert not torch.equal(*orders)


def test_a_data_set_that_is_too_small_for_the_processes(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ValueError, match="7 training images are too few for 4 processes"):
        Batches(numbered(7), PLAIN, 0, CPU)
    assert Batches(numbered(8), PLAIN, 0, CPU).steps == 1


def test_sizes_take_equal_shares_of_the_epochs():
    batches = Batches(numbered(8, side=16), PLAIN.but(sizes=(8, 12, 16)), 0, CPU)
    sides = [next(iter(batches.epoch(epoch)))[0].shape[2:] for epoch in range(6)]
    assert sides == [(8, 8), (8, 8), (12, 12), (12, 12), (16, 16), (16, 16)]
    for wrong in ((4,), (8.5,)):
        with pytest.raises(ValueError, match="sizes"):
            PLAIN.but(sizes=wrong)


@pytest.mark.parametrize("epochs, sides", [
    (1, [16]), (2, [12, 16]), (4, [8, 12, 16, 16]),
    (36, [8] * 12 + [12] * 12 + [16] * 12)])
def test_the_last_epoch_is_of_full_size(epochs, sides):
    recipe = PLAIN.but(epochs=epochs, sizes=(8, 12, 16))
    batches = Batches(numbered(8, side=16), recipe, 0, CPU)
    assert [next(iter(batches.epoch(epoch)))[0].shape[-1] for epoch in range(epochs)] == sides


def test_augmentation_follows_the_seed_of_torch():
    batches = Batches(numbered(8), PLAIN.but(cutout=4, crop_padding=2, flip=True), 0, CPU)
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append(next(iter(batches.epoch(0)))[0])
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])
