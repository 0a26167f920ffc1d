"""Searching on text: weights learn on the training text, alphas on the validation text.

Liu et al. 2019 (arXiv 1806.09055, section 3.1.2 and appendix A.1.2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from search.settings import TextSettings
from search.spaces.allowed import Allowed
from search.spaces.discretize import Mixing
from search.supernets.base import StepOutput
from search.supernets.recurrent import (
    Batch,
    FastRecurrentCell,
    PlainRecurrentCell,
    RecurrentSupernet,
)
from zoo.data.text import TextData
from zoo.data.text_batches import TextBatches, columns, score_batches
from zoo.system import distributed


class TextSearchTask:
    """The task of a recurrent supernet; `share` is (rank, number of processes).

    Each process gets its columns of the text.  Raises DataError for a text too small for the batch.
    """

    unit, metric, space = "tokens", "perplexity", "recurrent"
    allowed: Allowed | None = None
    costs: Mixing | None = None

    def __init__(self, data: TextData, settings: TextSettings, device: torch.device, seed: int,
                 share: tuple[int, int] = (0, 1)) -> None:
        self.settings, self.device = settings, device
        self.vocabulary = data.vocabulary_size
        rank, of = share
        train, valid = (columns(ids, settings.batch_size) for ids in (data.train, data.valid))
        self.valid = valid.to(device)
        self._batches = TextBatches(
            train[:, rank::of].contiguous().to(device), valid[:, rank::of].contiguous().to(device),
            settings.hidden, settings.bptt, seed)
        self._rank, self._of = rank, of

    def supernet(self, cell: type[FastRecurrentCell] | type[PlainRecurrentCell] = FastRecurrentCell
                 ) -> RecurrentSupernet:
        settings = self.settings
        return RecurrentSupernet(
            cell, self.vocabulary, settings.hidden, **settings.dropouts(),
            ar_weight=settings.ar_weight, tar_weight=settings.tar_weight).to(self.device)

    def batches(self, number: int) -> Iterator[tuple[Batch, Batch, float, int]]:
        """Epoch `number` of (training batch, validation batch, learning-rate scale, tokens
        seen)."""
        for train, valid, scale in self._batches.epoch(number):
            yield train, valid, scale, train[0].numel() * self._of

    def steps_in(self, number: int) -> int:
        return len(self._batches.lengths(number))

    def carry(self, train: StepOutput, valid: StepOutput | None) -> None:
        """Pass the hidden states on to the next batches."""
        assert train.hidden is not None
        self._batches.carry(train.hidden, None if valid is None else valid.hidden)

    @torch.no_grad()
    def evaluate(self, network: RecurrentSupernet, mixing: Mixing) -> dict[str, float]:
        """`loss` per token of the validation text, in nats, and `perplexity`; no dropout."""
        was_training = network.training
        network.eval()
        hidden = torch.zeros(1, self.valid.shape[1], self.settings.hidden, device=self.device)
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        count = 0
        for tokens, targets in score_batches(self.valid, self.settings.bptt):
            outcome = network.loss((tokens, targets, hidden), mixing)
            assert outcome.hidden is not None
            hidden = outcome.hidden
            loss += outcome.loss * len(targets)
            count += len(targets)
        network.train(was_training)
        mean = loss.item() / count
        return {"loss": mean, "perplexity": math.exp(min(mean, 700))}

    def example(self, size: int) -> Batch:
        """A batch of `size` columns, for measuring memory."""
        tokens = torch.zeros(self.settings.bptt, size, dtype=torch.int64, device=self.device)
        hidden = torch.zeros(1, size, self.settings.hidden, device=self.device)
        return tokens, tokens.flatten(), hidden

    def state_dict(self) -> dict:
        state = self._batches.state_dict()
        if self._of > 1:  # each process holds the hidden states of its columns only
            state["valid_hidden"] = distributed.gather(state["valid_hidden"])
        return state

    def load_state_dict(self, state: dict) -> None:
        if self._of > 1:
            state = state | {"valid_hidden": state["valid_hidden"][self._rank]}
        self._batches.load_state_dict(state)
