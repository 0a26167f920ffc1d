"""Batches for truncated backpropagation through time, as in the 2018 DARTS release.

Liu et al. 2019 (arXiv 1806.09055, appendix A.1.2), after Merity et al. 2017 (arXiv 1708.02182).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from zoo.data.base import DataError

#: Token ids (time, columns), their next ids (time * columns,), hidden (1, columns, n).
Batch = tuple[Tensor, Tensor, Tensor]


def columns(ids: np.ndarray | Tensor, count: int) -> Tensor:
    """Arrange a text in `count` parallel columns: (time, count), int64.

    Drops tokens that do not fill a row.  Raises DataError for columns of less than two tokens, one
    to read and one to predict.
    """
    ids = torch.as_tensor(ids, dtype=torch.int64)
    rows = len(ids) // count
    if rows < 2:
        raise DataError(f"the text is too small for the batch: {len(ids)} tokens do not fill "
                        f"{count} columns of 2; give a longer text or a smaller --batch-size "
                        f"(at most {len(ids) // 2})")
    return ids[:rows * count].view(count, rows).t().contiguous()


def stretch(text: Tensor, first: int, length: int) -> tuple[Tensor, Tensor]:
    """A segment of `length` rows from `first`, fewer at the end: tokens (time, columns), and the
    next tokens (time * columns,)."""
    targets = text[first + 1:first + 1 + length]
    return text[first:first + len(targets)], targets.reshape(-1)


def random_lengths(rows: int, time: int, random: np.random.Generator) -> list[int]:
    """Random segment lengths for a text of `rows` rows, until at most one row is left; the last
    segment may extend past the end.

    As in the 2018 release: normal with mean `time`, or half of it with probability 0.05, and
    standard deviation 5; at least 5 and at most `time` + 20.
    """
    lengths, first = [], 0
    while first < rows - 2:
        middle = time if random.random() < 0.95 else time / 2
        lengths.append(min(max(5, int(random.normal(middle, 5))), time + 20))
        first += lengths[-1]
    return lengths


class TextBatches:
    """Training and validation batches of the bilevel search, on the device of the texts.

    `train` and `valid` are texts in columns.  An epoch reads the training text once, in segments
    of `time` rows, or half of that with probability 0.05; the learning rate is scaled by the
    segment's length over `time`.  The validation text is read in parallel, continues across
    epochs, and restarts at its end.  After each step `carry` sets the hidden states for the next
    batches; they start at zero in each epoch and at each start of the validation text.

        for train, valid, factor in batches.epoch(3):
            ...
            batches.carry(train_outcome.hidden, valid_outcome.hidden)
    """

    def __init__(self, train: Tensor, valid: Tensor, hidden: int, time: int = 35,
                 seed: int = 0) -> None:
        if time < 2:
            raise ValueError(f"a segment must have at least 2 time steps, not {time}")
        if min(train.shape[1], valid.shape[1]) < 2:
            raise ValueError("a batch must have at least 2 columns for batch-norm; give a larger "
                             "--batch-size")
        if len(train) < 3:
            raise DataError(f"the training text is too small: {train.numel()} tokens make "
                            f"{train.shape[1]} columns of {len(train)}, at least 3 are needed; "
                            "give a longer text or a smaller --batch-size")
        self.train, self.valid, self.time, self.seed = train, valid, time, seed
        self._train_hidden = torch.zeros(1, train.shape[1], hidden, device=train.device)
        self._valid_hidden = torch.zeros(1, valid.shape[1], hidden, device=valid.device)
        self._valid_first = 0

    def lengths(self, number: int) -> list[int]:
        """Rows of each training segment of epoch `number`, determined by the seed.

        As in the 2018 release a single last row is dropped, and the last segment may extend past
        the end without reducing its learning rate.
        """
        left, lengths = len(self.train) - 1, []
        random = np.random.default_rng([self.seed, number])
        while left > 1:
            lengths.append(self.time if random.random() < 0.95 else self.time // 2)
            left -= lengths[-1]
        return lengths

    def epoch(self, number: int) -> Iterator[tuple[Batch, Batch, float]]:
        """(training batch, validation batch, learning rate factor) of every step."""
        self._train_hidden = torch.zeros_like(self._train_hidden)
        first = 0
        for length in self.lengths(number):
            if self._valid_first >= len(self.valid) - 1:
                self._valid_first = 0
                self._valid_hidden = torch.zeros_like(self._valid_hidden)
            train = stretch(self.train, first, length)
            valid = stretch(self.valid, self._valid_first, self.time)
            first += length
            self._valid_first += len(valid[0])
            yield (*train, self._train_hidden), (*valid, self._valid_hidden), length / self.time

    def carry(self, train_hidden: Tensor, valid_hidden: Tensor | None = None) -> None:
        """Set the hidden states after a step; None if the validation batch was not used."""
        self._train_hidden = train_hidden.detach()
        if valid_hidden is not None:
            self._valid_hidden = valid_hidden.detach()

    def state_dict(self) -> dict:
        """The position in the validation text, the only state between epochs."""
        return {"valid_first": self._valid_first, "valid_hidden": self._valid_hidden}

    def load_state_dict(self, state: dict) -> None:
        self._valid_first = state["valid_first"]
        self._valid_hidden = state["valid_hidden"].to(self.valid.device)


def score_batches(text: Tensor, time: int) -> Iterator[tuple[Tensor, Tensor]]:
    """(tokens, flat targets) of the whole text, in segments of `time` rows."""
    for first in range(0, len(text) - 1, time):
        yield stretch(text, first, time)
