"""scikit-learn's digits, the data set that needs no download.

The test part of the UCI "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998):
1,797 scans of 13 people, 8x8, each pixel the count 0..16 of inked pixels in a 4x4 block.
"""

from __future__ import annotations

from typing import cast

import numpy as np

#: The fixed test split, stratified by class.
TEST_IMAGES = 360
SPLIT_SEED = 0


def load_digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """(images, labels) of the 1,437 training and the 360 test images.

    Images are float32 (N, 8, 8, 1), with ink high and levels 0..16 scaled to 0..255.
    """
    from sklearn.datasets import load_digits as load
    from sklearn.model_selection import train_test_split
    from sklearn.utils import Bunch

    source = load()
    assert isinstance(source, Bunch)  # a pair only with return_X_y
    images = (source.images * 255 / 16).astype(np.float32)[..., None]
    parts = train_test_split(images, source.target.astype(np.int64), test_size=TEST_IMAGES,
                             random_state=SPLIT_SEED, stratify=source.target)
    train, test, train_labels, test_labels = cast("list[np.ndarray]", parts)
    return (train, train_labels), (test, test_labels)
