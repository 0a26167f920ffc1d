"""What a sampled recurrent cell is worth: a small language model, trained for a fixed budget.

As in the final training of Liu et al. 2019 (arXiv 1806.09055, appendix A.3.2), which follows
Merity et al. 2017 (arXiv 1708.02182), without its averaging of weights.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from search.candidates import Result, Task, device_of
from zoo import run_folder
from zoo.cost import parameters
from zoo.recurrent import LanguageModel
from zoo.run_folder import RunError
from zoo.text import TextData
from zoo.text_batches import columns, score_batches


@dataclass(frozen=True)
class TextRecipe:
    """How a language model is trained.  Raises ValueError for a value out of range."""

    hidden: int = 300  # also of the embedding
    epochs: int = 25
    batch_size: int = 64  # columns that the text is cut into
    time: int = 35  # steps that gradients flow back
    learning_rate: float = 20.0  # of SGD; falls to 0 on a cosine, epoch by epoch
    weight_decay: float = 8e-7
    clip_norm: float = 0.25
    dropout: float = 0.75
    dropout_words: float = 0.1
    dropout_embedding: float = 0.2
    dropout_hidden: float = 0.25
    dropout_input: float = 0.75
    slowness: float = 1e-3  # weight of how much the cell's output changes from step to step

    def __post_init__(self):
        for name in ("hidden", "epochs", "batch_size", "time"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    def dropouts(self) -> dict[str, float]:
        return {name: value for name, value in vars(self).items() if name.startswith("dropout")}


#: `quick` is ours; `paper` is the network of the published search with the published training
#: of the cells that it finds, cut to 25 epochs.
TEXT_RECIPES = {
    "quick": TextRecipe(hidden=64, epochs=2, batch_size=32, dropout=0.1, dropout_words=0.0,
                        dropout_embedding=0.0, dropout_hidden=0.0, dropout_input=0.0,
                        slowness=0.0),
    "paper": TextRecipe(),
}


@dataclass(frozen=True)
class TextTraining:
    """How every recurrent candidate is trained: on the training text, measured on the validation
    text.  `cost` is what one candidate costs, in tokens that its weights were updated with.
    Raises DataError for a text that is too small for the recipe's batch.
    """

    data: TextData
    recipe: TextRecipe
    device: str = "auto"
    unit: ClassVar[str] = "tokens"
    measure: ClassVar[str] = "valid_perplexity"

    def __post_init__(self):
        columns(self.data.train, self.recipe.batch_size)  # else the first worker would find out

    @property
    def cost(self) -> int:
        predicted = columns(self.data.train, self.recipe.batch_size)[1:]
        return predicted.numel() * self.recipe.epochs

    def train(self, task: Task, folder: Path) -> Result:
        """Train in `folder`, where a training that was cut short goes on, or begins again."""
        place = device_of(self.device, task.number)
        with torch.random.fork_rng([place] if place.type == "cuda" else []):
            torch.manual_seed(task.seed)
            model = LanguageModel(task.genotype, self.data.vocabulary_size, self.recipe.hidden,
                                  self.recipe.hidden, **self.recipe.dropouts()).to(place)
            perplexity = self._train(model, folder, place)
        return Result(self.measure, perplexity, parameters(model), self.cost)

    def _train(self, model: LanguageModel, folder: Path, place: torch.device) -> float | None:
        """The perplexity on validation text, or None when the training diverges."""
        recipe = self.recipe
        optimizer = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate,
                                    weight_decay=recipe.weight_decay)
        text = columns(self.data.train, recipe.batch_size).to(place)
        for epoch in range(_restore(folder, model, optimizer, place), recipe.epochs):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * (
                    1 + math.cos(math.pi * epoch / recipe.epochs)) / 2
            model.train()
            hidden = model.initial_hidden(text.shape[1])
            for tokens, targets in score_batches(text, recipe.time):
                logits, hidden, outputs, _ = model.logits(tokens, hidden.detach())
                loss = F.cross_entropy(logits.flatten(0, 1), targets)
                if recipe.slowness and len(outputs) > 1:
                    loss = loss + recipe.slowness * (outputs[1:] - outputs[:-1]).pow(2).mean()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
                optimizer.step()
            if not torch.isfinite(loss):
                return None
            _save(folder, model, optimizer, place, epoch + 1)
        perplexity = self._perplexity(model, place)
        return perplexity if math.isfinite(perplexity) else None

    @torch.no_grad()
    def _perplexity(self, model: LanguageModel, place: torch.device) -> float:
        model.eval()
        # Ten columns as published; a short text has fewer.
        text = columns(self.data.valid, min(10, len(self.data.valid) // 2)).to(place)
        hidden, total = model.initial_hidden(text.shape[1]), 0.0
        for tokens, targets in score_batches(text, self.recipe.time):
            logits, hidden, _, _ = model.logits(tokens, hidden)
            total += F.cross_entropy(logits.flatten(0, 1), targets,
                                     reduction="sum").item()
        mean = total / (text.numel() - text.shape[1])
        return math.exp(mean) if mean < 700 else math.inf


def _restore(folder: Path, model, optimizer, place: torch.device) -> int:
    """Go back to the checkpoint, if there is one that can be read: the epochs done so far."""
    try:
        state = run_folder.load_checkpoint(folder, "epoch", "model", "optimizer", "random")
    except RunError:
        shutil.rmtree(folder)
        state = None
    if state is None:
        return 0
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    run_folder.set_random_states(state["random"], place)
    return state["epoch"]


def _save(folder: Path, model, optimizer, place: torch.device, epoch: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    run_folder.save_checkpoint(folder, {
        "epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
        "random": run_folder.random_states(place)})
