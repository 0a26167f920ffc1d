"""A small text with something to learn, and a run on it, for the tests of language models."""

import numpy as np
import pytest

from zoo.data.text import TextData
from zoo.recipes.language import language_recipe
from zoo.training import language_modeling

TINY = language_recipe("sample", "small").but(
    hidden=16, batch_size=8, bptt=10, epochs=3, learning_rate=2e-2, ema_decay=0.9,
    dropout_hidden=0.1, dropout_words=0.1)


def waves(count: int = 500) -> TextData:
    """Rises and falls, so that the next letter depends on the previous ones.  100 are enough for
    tests without learning."""
    ids = np.array(([0, 1, 2, 3, 2, 1] * count), np.int64)
    train, valid = int(4.8 * count), int(5.4 * count)
    return TextData("waves", "char", ids[:train], ids[train:valid], ids[valid:], list("abcd"))


@pytest.fixture(scope="module")
def text() -> TextData:
    return waves()


@pytest.fixture(scope="module")
def run(text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    rows = []
    manifest = language_modeling.train("DARTS_V2_RNN", text, TINY, folder, report=lambda *what:
                                    rows.append(what), events=True)
    return folder, manifest, rows
