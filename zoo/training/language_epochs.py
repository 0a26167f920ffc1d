"""What a language model's training has reached, an epoch at a time.

Liu et al. 2019 (arXiv 1806.09055, appendix A.3.2) as in the 2018 release, after Merity et al.
2017 (arXiv 1708.02182, section 3): once the validation loss is worse than the best of all but
the last five epochs, the weights that are measured are the average of all steps from there on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from zoo.data.text_batches import columns, random_lengths, stretch
from zoo.models.recurrent import TiedModel
from zoo.recipes.language import LanguageRecipe
from zoo.recipes.schedule import learning_rate
from zoo.system import distributed
from zoo.training import run_folder
from zoo.training.classification import Report
from zoo.training.ema import ModelEMA
from zoo.training.losses import training_loss

#: Keys of a checkpoint, by which a damaged one is told.
STATE = ("epoch", "model", "stage", "optimizer", "valid_losses", "average", "random")


class Training:
    """What a training depends on and has reached: `epochs` whole ones, with `model`.

    ids: the training text, of whose columns each process of a group reads its part.
    `stage` is the optimiser in use, "sgd", "asgd" or "adamw"; `rollbacks` are the epochs from
    which it went on a second time, with other draws.
    Raises ValueError where the columns cannot be shared out evenly.
    """

    def __init__(self, model: TiedModel, ids: np.ndarray, recipe: LanguageRecipe, seed: int,
                 device: torch.device, dtype: torch.dtype = torch.float32):
        self.model, self.recipe, self.seed = model, recipe, seed
        self.device, self.dtype = device, dtype
        processes = distributed.size()
        if recipe.batch_size % processes:
            raise ValueError(f"{recipe.batch_size} columns of text cannot be shared out evenly to "
                             f"{processes} processes; give a --batch-size that can")
        text = columns(ids, recipe.batch_size)
        self.text = text[:, distributed.rank()::processes].contiguous().to(device)
        self.epochs = 0
        self.valid_losses: list[float] = []
        self.rollbacks: list[int] = []
        self.average = ModelEMA(model, recipe.average) if recipe.average else None
        self._use("adamw" if recipe.optimizer == "adamw" else "sgd")

    def _use(self, stage: str) -> None:
        recipe, parameters = self.recipe, list(self.model.parameters())
        settings = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
        fused = self.device.type in ("cpu", "cuda")
        self.stage = stage
        if stage == "asgd":  # every step counts the same in the average
            self.optimizer = torch.optim.ASGD(parameters, **settings, t0=0, lambd=0.0)
        elif stage == "adamw":
            self.optimizer = torch.optim.AdamW(parameters, **settings, fused=fused)
        else:
            self.optimizer = torch.optim.SGD(parameters, **settings, fused=fused)

    @property
    def tokens(self) -> int:
        """That are predicted in an epoch, by all processes."""
        return (len(self.text) - 1) * self.recipe.batch_size

    def lengths(self) -> list[int]:
        """Of the stretches of the next epoch, a function of its number and of the rollbacks."""
        rows, recipe = len(self.text), self.recipe
        if recipe.random_time:
            random = np.random.default_rng([self._seed(), self.epochs])
            return random_lengths(rows, recipe.time, random)
        return [recipe.time] * -(-(rows - 1) // recipe.time)

    def _seed(self) -> int:
        return self.seed + len(self.rollbacks)

    def epoch(self, report: Report | None = None) -> dict:
        """Go through the text once: the epoch's row, whose `train_loss` may not be finite."""
        if distributed.is_started():  # each process has draws of its own
            torch.manual_seed(distributed.seed_of(self._seed(), self.epochs))
        recipe, model = self.recipe, self.model
        rows = len(self.text) - 1
        hidden = model.initial_hidden(self.text.shape[1])
        loss_sum, count, first = torch.zeros((), device=self.device), 0, 0
        model.train()
        for length in self.lengths():
            rate = recipe.learning_rate
            if recipe.schedule != "constant":
                rate = learning_rate(recipe, self.epochs * rows + first, rows)
            tokens, targets = stretch(self.text, first, length)
            first += len(tokens)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * length / recipe.time if recipe.random_time else rate
            with torch.autocast(self.device.type, self.dtype,
                                enabled=self.dtype != torch.float32):
                step = training_loss(model, tokens, targets, hidden, recipe.activation,
                                     recipe.slowness)
            hidden = step.hidden
            self.optimizer.zero_grad(set_to_none=True)
            step.loss.backward()
            distributed.average([weight.grad for weight in model.parameters()])
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
            self.optimizer.step()
            if self.average:
                self.average.update()
            loss_sum += step.prediction * len(targets)
            count += len(targets)
            if report:
                report((self.epochs * rows + first) * recipe.batch_size,
                       recipe.epochs * self.tokens, None)
        self.epochs += 1
        distributed.average([loss_sum])
        mean = loss_sum.item() / count
        return {"epoch": self.epochs, "learning_rate": rate, "optimizer": self.stage,
                "train_loss": mean, "tokens": count * distributed.size()}

    @contextlib.contextmanager
    def judged(self) -> Iterator[TiedModel]:
        """The model that is measured and kept: with averaged weights, where they are averaged."""
        if self.average:
            yield self.average.model
            return
        state, kept = self.optimizer.state, []
        with torch.no_grad():
            for weight in self.model.parameters():
                if self.stage == "asgd" and "ax" in state.get(weight, {}):
                    kept.append((weight, weight.clone()))
                    weight.copy_(state[weight]["ax"])
        try:
            yield self.model
        finally:
            with torch.no_grad():
                for weight, value in kept:
                    weight.copy_(value)

    def note(self, valid_loss: float) -> None:
        """Take in the validation loss of an epoch, which tells nt-asgd when to average."""
        if self.recipe.optimizer != "nt-asgd" or self.stage == "asgd":
            return
        back = self.recipe.nonmonotone
        if len(self.valid_losses) > back and valid_loss > min(self.valid_losses[:-back]):
            self._use("asgd")
        self.valid_losses.append(valid_loss)

    def state_dict(self) -> dict:
        return {"epoch": self.epochs, "model": self.model.state_dict(), "stage": self.stage,
                "optimizer": self.optimizer.state_dict(), "valid_losses": self.valid_losses,
                "average": self.average.state_dict() if self.average else None,
                "rollbacks": self.rollbacks, "random": run_folder.random_states(self.device)}

    def load_state_dict(self, state: dict) -> None:
        self.epochs, self.valid_losses = state["epoch"], list(state["valid_losses"])
        self.rollbacks = list(state.get("rollbacks", []))  # older runs have none
        self.model.load_state_dict(state["model"])
        self._use(state["stage"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.load_state_dict(state["average"])
        run_folder.set_random_states(state["random"], self.device)

    def roll_back(self, state: dict) -> None:
        """Go on from an earlier `state_dict` with other draws; the validation losses since then
        still count, as in the release."""
        kept = {"valid_losses": self.valid_losses, "rollbacks": [*self.rollbacks, state["epoch"]],
                "random": run_folder.random_states(self.device)}
        self.load_state_dict(state | kept)
