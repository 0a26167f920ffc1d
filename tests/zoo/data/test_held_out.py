"""Held-out training images: a share of each class, or a one-line error."""

import numpy as np
import pytest

from zoo.data.base import DataError, ImageData, Split, hold_out


def data(labels):
    split = Split(np.zeros((len(labels), 8, 8, 1), np.uint8), np.array(labels))
    return ImageData("made", split, split, ["cat", "dog"], [0.5], [0.5])


@pytest.mark.parametrize("labels, count, why", [
    ([0, 0, 0, 1], 2, "class dog has one image; add more"),
    ([0, 0, 1, 1], 1, "hold out at least 2, one for each class"),
    ([0, 0, 1, 1], 3, "hold out at most 2, so that each class keeps one"),
    ([0, 0, 1, 1], 99, "hold out at most 2, so that each class keeps one"),
])
def test_the_reason_that_images_cannot_be_held_out(labels, count, why):
    with pytest.raises(DataError) as caught:
        hold_out(data(labels), count, seed=0)
    assert str(caught.value) == (f"cannot hold out {count} of the training images of made, "
                                 f"stratified by class: {why}")


def test_each_class_is_held_out_in_proportion():
    rest, held = hold_out(data([0] * 6 + [1] * 3), 3, seed=0)
    assert (held.labels.tolist().count(0), held.labels.tolist().count(1)) == (2, 1)
    assert len(rest.train.labels) == 6
