"""The training task for texts: truncated backpropagation through time, NT-ASGD.

Liu et al. 2019 (arXiv 1806.09055, appendix A.2.2) as in the 2018 release, after Merity et al.
2017 (arXiv 1708.02182, section 3): once the validation loss exceeds the best of all but the last
five epochs, evaluation uses the average of the weights over all later steps.
"""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from zoo.data.base import DataError
from zoo.data.text_batches import columns, random_lengths, stretch
from zoo.models.recurrent import TiedModel
from zoo.recipes.language import LanguageRecipe
from zoo.system import distributed
from zoo.training.losses import mean_loss, perplexity, training_loss
from zoo.training.tasks.base import Batch, Task


def text_columns(ids: np.ndarray, recipe: LanguageRecipe) -> Tensor:
    """The text as (time, batch size) token ids, int64.

    Raises DataError for a text that is too small for the batch.
    """
    text = columns(ids, recipe.batch_size)
    if recipe.random_bptt and len(text) < 3:
        raise DataError(f"the text is too small for the batch: {len(ids)} tokens make "
                        f"{recipe.batch_size} columns of {len(text)}, at least 3 are needed; give "
                        "a longer text or a smaller --batch-size")
    return text


class LanguageTask(Task):
    """Trains the model that `network()` builds on the token ids `train`.

    The loss on `valid`, if given, selects the best epoch; `by` is the unit of a token, "word" or
    "char".  Each process reads its part of the columns.
    `stage` is the current optimizer, "sgd", "asgd" or "adamw".
    Raises DataError for a text that is too small for the batch, ValueError for a batch that cannot
    be divided evenly among the processes.
    """

    rolls_back = True

    def __init__(self, network: Callable[[], TiedModel], train: np.ndarray,
                 recipe: LanguageRecipe, device: torch.device, *,
                 valid: np.ndarray | None = None, by: str = "word") -> None:
        self.network, self.valid, self.by = network, valid, by
        self.recipe: LanguageRecipe = recipe
        text = text_columns(train, recipe)
        processes = distributed.size()
        if recipe.batch_size % processes:
            raise ValueError(f"{recipe.batch_size} columns of text cannot be divided evenly among "
                             f"{processes} processes; give a multiple of it as --batch-size")
        self.text = text[:, distributed.rank()::processes].contiguous().to(device)
        self.length, self.units = len(self.text) - 1, recipe.batch_size
        if valid is not None:
            self.measure = "valid_loss", operator.lt
        self.stage = "adamw" if recipe.optimizer == "adamw" else "sgd"
        self.valid_losses: list[float] = []

    def build(self, device: torch.device) -> TiedModel:
        return self.network().to(device)

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        recipe, parameters = self.recipe, list(model.parameters())
        rate, decay = recipe.learning_rate, recipe.weight_decay
        fused = parameters[0].device.type in ("cpu", "cuda")
        if self.stage == "asgd":  # t0=0, lambd=0: a plain average of all steps
            return torch.optim.ASGD(parameters, lr=rate, weight_decay=decay, t0=0, lambd=0.0)
        if self.stage == "adamw":
            return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=fused)
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, fused=fused)

    def lengths(self, epoch: int, seed: int) -> list[int]:
        """The lengths of an epoch's segments, determined by epoch and seed."""
        recipe = self.recipe
        if recipe.random_bptt:
            random = np.random.default_rng([seed, epoch])
            return random_lengths(len(self.text), recipe.bptt, random)
        return [recipe.bptt] * -(-self.length // recipe.bptt)

    def batches(self, model: nn.Module, epoch: int, seed: int) -> Iterator[Batch]:
        """The text once, each segment with the final hidden state of the previous one."""
        assert isinstance(model, TiedModel)
        self._hidden = model.initial_hidden(self.text.shape[1])
        whole, first = self.recipe.bptt, 0
        for length in self.lengths(epoch, seed):
            tokens, targets = stretch(self.text, first, length)
            share = (length, whole) if self.recipe.random_bptt else (1, 1)
            yield Batch((tokens, targets, self._hidden), len(targets), first, first + len(tokens),
                        *share)
            first += len(tokens)

    def loss(self, model: nn.Module, *inputs: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Cross-entropy with regularizers; the cross-entropy alone, in nats per token, and the
        next hidden state."""
        assert isinstance(model, TiedModel)
        tokens, targets, hidden = inputs
        step = training_loss(model, tokens, targets, hidden, self.recipe.ar_weight,
                             self.recipe.tar_weight)
        return step.loss, (step.prediction, step.hidden)

    def observe(self, seen: Sequence[Tensor], size: int) -> Tensor:
        prediction, self._hidden = seen
        return prediction * size

    def row(self, sums: Tensor, count: int, rate: float) -> dict:
        return {"learning_rate": rate, "optimizer": self.stage,
                "train_loss": sums.item() / count, "tokens": count * distributed.size()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Validation loss in nats per token, and perplexity."""
        assert self.valid is not None and isinstance(model, TiedModel)
        loss = mean_loss(model, self.valid)
        bits = {"valid_bits_per_character": loss / math.log(2)} if self.by == "char" else {}
        return {"valid_loss": loss, "valid_perplexity": perplexity(loss)} | bits

    def end_epoch(self, row: dict) -> bool:
        """Switch to ASGD once the validation loss stops improving."""
        if "valid_loss" not in row or self.recipe.optimizer != "nt-asgd" or self.stage == "asgd":
            return False
        loss, window = row["valid_loss"], self.recipe.nonmonotone
        triggered = len(self.valid_losses) > window and loss > min(self.valid_losses[:-window])
        if triggered:
            self.stage = "asgd"
        self.valid_losses.append(loss)
        return triggered

    @contextlib.contextmanager
    def eval_model(self, model: nn.Module, optimizer: torch.optim.Optimizer
                   ) -> Iterator[nn.Module]:
        """The model with the averaged weights of ASGD, if it has started."""
        state, kept = optimizer.state, []
        with torch.no_grad():
            for weight in model.parameters():
                if self.stage == "asgd" and "ax" in state.get(weight, {}):
                    kept.append((weight, weight.clone()))
                    weight.copy_(state[weight]["ax"])
        try:
            yield model
        finally:
            with torch.no_grad():
                for weight, value in kept:
                    weight.copy_(value)

    def state_dict(self) -> dict:
        return {"stage": self.stage, "valid_losses": self.valid_losses}

    def load_state_dict(self, state: dict) -> None:
        self.stage, self.valid_losses = state["stage"], list(state["valid_losses"])

    def kept_on_roll_back(self) -> dict:
        """The validation losses, which a rollback keeps as in the release."""
        return {"valid_losses": self.valid_losses}
