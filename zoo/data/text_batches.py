"""A text as the batches of truncated backpropagation through time, as in the 2018 DARTS release.

Liu et al. 2019 (arXiv 1806.09055, appendix A.1.2), after Merity et al. 2017 (arXiv 1708.02182).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from zoo.data.base import DataError

#: Token ids (time, columns), the ids that follow them (time * columns,), hidden (1, columns, n).
Batch = tuple[Tensor, Tensor, Tensor]


def columns(ids: np.ndarray | Tensor, count: int) -> Tensor:
    """The text cut into `count` columns that are read side by side: (time, count), int64.

    What does not fill a row is left out.  Raises DataError when a column has less than two
    tokens: one to read and one to predict.
    """
    ids = torch.as_tensor(ids, dtype=torch.int64)
    rows = len(ids) // count
    if rows < 2:
        raise DataError(f"the text is too small for the batch: {len(ids)} tokens make no {count} "
                        "columns of 2; give a longer text or a smaller --batch-size "
                        f"(at most {len(ids) // 2})")
    return ids[:rows * count].view(count, rows).t().contiguous()


def stretch(text: Tensor, first: int, length: int) -> tuple[Tensor, Tensor]:
    """Tokens (time, columns) of `length` rows from `first`, fewer at the end, and the flat ids
    that follow them."""
    targets = text[first + 1:first + 1 + length]
    return text[first:first + len(targets)], targets.reshape(-1)


def random_lengths(rows: int, time: int, random: np.random.Generator) -> list[int]:
    """Lengths of the stretches of a text of `rows` rows, around `time` or in one of twenty half
    of it, until at most one row is left; the last may reach beyond the end.

    As in the 2018 release: normal with deviation 5, at least 5, at most `time` + 20.
    """
    lengths, first = [], 0
    while first < rows - 2:
        middle = time if random.random() < 0.95 else time / 2
        lengths.append(min(max(5, int(random.normal(middle, 5))), time + 20))
        first += lengths[-1]
    return lengths


class TextBatches:
    """Training and validation batches of the bilevel search, on the device of the texts.

    `train` and `valid` are texts in columns.  An epoch reads the training text once, in
    stretches of `time` rows, or of half of that with probability 0.05; each comes with the
    factor of the learning rate, its length over `time`.  The validation text is read on beside
    it, from epoch to epoch, and starts again at its end.  After each step `carry` takes the
    hidden states that the next batches begin with; an epoch, and each start of the validation
    text, begins with zeros.

        for train, valid, factor in batches.epoch(3):
            ...
            batches.carry(train_outcome.hidden, valid_outcome.hidden)
    """

    def __init__(self, train: Tensor, valid: Tensor, hidden: int, time: int = 35,
                 seed: int = 0) -> None:
        if time < 2:
            raise ValueError(f"a stretch must have at least 2 time steps, not {time}")
        if min(train.shape[1], valid.shape[1]) < 2:
            raise ValueError("a batch must have at least 2 columns: batch-norm takes the mean of "
                             "them")
        if len(train) < 3:
            raise DataError(f"the training text is too small: {train.numel()} tokens make "
                            f"{train.shape[1]} columns of {len(train)}, and 3 are needed; give "
                            "a longer text or a smaller --batch-size")
        self.train, self.valid, self.time, self.seed = train, valid, time, seed
        self._train_hidden = torch.zeros(1, train.shape[1], hidden, device=train.device)
        self._valid_hidden = torch.zeros(1, valid.shape[1], hidden, device=valid.device)
        self._valid_first = 0

    def lengths(self, number: int) -> list[int]:
        """Rows of each training stretch of epoch `number`, which they are a function of.

        As in the 2018 release a single row that is left at the end is left out, and the last
        stretch may reach beyond the end: its rate is that of a whole one.
        """
        left, lengths = len(self.train) - 1, []
        random = np.random.default_rng([self.seed, number])
        while left > 1:
            lengths.append(self.time if random.random() < 0.95 else self.time // 2)
            left -= lengths[-1]
        return lengths

    def epoch(self, number: int) -> Iterator[tuple[Batch, Batch, float]]:
        """(training batch, validation batch, factor of the learning rate) of every step."""
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
        """The hidden states after a step; None where the validation batch was not used."""
        self._train_hidden = train_hidden.detach()
        if valid_hidden is not None:
            self._valid_hidden = valid_hidden.detach()

    def state_dict(self) -> dict:
        """What the next whole epoch depends on: where the validation text is."""
        return {"valid_first": self._valid_first, "valid_hidden": self._valid_hidden}

    def load_state_dict(self, state: dict) -> None:
        self._valid_first = state["valid_first"]
        self._valid_hidden = state["valid_hidden"].to(self.valid.device)


def score_batches(text: Tensor, time: int) -> Iterator[tuple[Tensor, Tensor]]:
    """(tokens, flat targets) of the whole text once, in stretches of `time` rows."""
    for first in range(0, len(text) - 1, time):
        yield stretch(text, first, time)
