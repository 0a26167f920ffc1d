"""Train the network of a cell: one loop, which is read in one sitting.

Liu et al. 2019 (arXiv 1806.09055, appendix A): SGD with momentum, an auxiliary head,
drop-path that rises with the epochs, gradient clipping.  The settings are in `zoo.recipes.image`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import operator
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import zoo
from zoo.artifact.folder import MANIFEST, read_manifest
from zoo.artifact.manifest import Manifest
from zoo.create import create_model
from zoo.data.base import DataError, ImageData, Split, fingerprint, hold_out
from zoo.data.image_batches import Batches
from zoo.genotypes.serialization import Genotype
from zoo.models import fused_conv
from zoo.recipes.image import Recipe
from zoo.recipes.schedule import learning_rate
from zoo.system import distributed
from zoo.system.cuda_graph import CapturedStep
from zoo.system.device import hardware, pick_device, pick_precision
from zoo.training import fine_tuning, run_folder
from zoo.training.ema import ModelEMA
from zoo.training.evaluation import predict, score
from zoo.training.run_folder import diverged
from zoo.training.tensorboard import HistoryEvents
from zoo.training.trained import seal_run
from zoo.weights import PretrainedWeights

#: (steps done, steps in all, None or the row of the epoch that has ended)
Report = Callable[[int, int, dict | None], None]


def train(cell: str, data: ImageData, recipe: Recipe, directory: Path | str, *,
          genotype: Genotype | None = None, seed: int = 0,
          weights: Path | str | None = None,
          device: str = "auto", precision: str = "auto", resume: bool = False,
          report: Report | None = None, events: bool = False) -> Manifest:
    """Train `cell` on `data` and leave an artifact in `directory`; its manifest.

    `cell` is a registered name, or any name for the `genotype` that comes with it.
    `weights` to start from are a data set's name ("cifar10": the shipped ones), a safetensors
    file, or an artifact's folder; see `zoo.training.fine_tuning`.
    `precision` is the recipe's where it is "auto".
    `report(steps done, steps in all, row)` is called after each step with row None, and after
    each epoch with that epoch's row of the history.  With `resume` a run that was interrupted
    goes on after its last whole epoch, on the CPU bit for bit as if it had not been.
    `events` writes TensorBoard events to tb/ in the folder.
    Started by torchrun, each process learns from its part of every batch on its own GPU; the
    first one writes and reports.
    Test images are looked at once, after the last epoch.  With `recipe.validation` the weights
    are those of the epoch that was best on the images held out, else the last ones.

    Raises UnknownCellError, RunError for a folder that cannot be used, DivergedError when the
    loss is not finite, DataError for images that cannot be held out, WeightsError for `weights`
    that do not fit, ValueError for a device, precision or weights that are not there.
    """
    folder = Path(directory)
    genotype = genotype or zoo.genotype(cell)
    if genotype.kind == "recurrent":
        raise ValueError(f"{cell} is a recurrent cell; images are learned by convolutional ones, "
                         "see `zoo list`")
    if not 0 <= seed < 2**63:
        raise ValueError(f"the seed must be a whole number from 0 to 2^63 - 1, not {seed}")
    if recipe.drawings and data.name != "digits":
        raise ValueError(f"the recipe adds drawn digits, but the data set is {data.name}")
    place = pick_device(device)
    dtype = pick_precision(precision, place, recipe.precision)
    config = {"cell": cell, "genotype": str(genotype), "data": data.name,
              "data_sha256": fingerprint(data), "seed": seed,
              "precision": str(dtype).removeprefix("torch."), "recipe": dataclasses.asdict(recipe)}
    valid = None
    if recipe.validation:
        data, valid = hold_out(data, recipe.validation, seed)
    with distributed.group(place) as place:
        found, start = distributed.first(
            lambda: fine_tuning.begin(weights, cell, genotype, folder, resume))
        config |= start
        with torch.random.fork_rng([place] if place.type == "cuda" else []):
            torch.manual_seed(seed)
            training = Training(genotype, data, recipe, folder, seed, place, dtype, valid, found)
            if finished := distributed.first(lambda: _prepare(folder, config, resume)):
                return finished
            training.restore()
            try:
                training.run(report if distributed.rank() == 0 else None, events)
            except DataError:  # a file is damaged, and without it this is another run
                run_folder.abandon(folder)
                raise
        return distributed.first(lambda: seal_run(
            folder, cell, genotype, data, recipe, training.result(), {
                "epochs": recipe.epochs, "seed": seed,
                "hardware": hardware(place, distributed.size()),
                "seconds": round(training.seconds),
                **{fact: value for fact, value in start.items() if value}}))


def _prepare(folder: Path, config: dict, resume: bool) -> Manifest | None:
    """Make the folder ready; the manifest of a run that is finished already."""
    if not resume:
        run_folder.start(folder, config)
        return None
    run_folder.check_same(folder, config)
    if not (folder / MANIFEST).exists():
        return None
    run_folder.finish(folder)
    return read_manifest(folder)


class Training:
    """What a training has reached: `epochs` whole ones in `seconds`, with `model`."""

    def __init__(self, genotype: Genotype, data: ImageData, recipe: Recipe, folder: Path,
                 seed: int, device: torch.device, dtype: torch.dtype, valid: Split | None,
                 found: PretrainedWeights | None):
        self.data, self.recipe, self.folder, self.valid = data, recipe, folder, valid
        self.seed, self.device, self.dtype = seed, device, dtype
        self.epochs, self.seconds = 0, 0.0
        self.model = create_model(
            genotype, recipe.network, channels=recipe.channels, layers=recipe.layers,
            num_classes=len(data.labels), in_channels=data.train.images.shape[-1],
            auxiliary=recipe.auxiliary_weight > 0,
        ).to(device, memory_format=torch.channels_last)  # twice as fast, on CPUs too
        if found:
            fine_tuning.warm_start(self.model, found, recipe)
        self.average = ModelEMA(self.model, recipe.average) if recipe.average else None
        self.optimizer = _optimizer(self.model, recipe, device)
        # Processes that wait for each other in the middle of a step cannot replay it.
        self._captured = (CapturedStep(self._step, device)
                          if device.type == "cuda" and not distributed.is_started() else None)
        self.batches = Batches(data, recipe, seed, device)

    def run(self, report: Report | None, events: bool) -> None:
        """All epochs that are left."""
        with contextlib.closing(HistoryEvents(self.folder, self.history)) as written:
            while self.epochs < self.recipe.epochs:
                self.epoch(report)
                if events and distributed.rank() == 0:
                    written.follow()

    def epoch(self, report: Report | None) -> dict:
        """Go through the training set once, write checkpoint and history; the history's row."""
        if distributed.is_started():  # each process has images and draws of its own
            torch.manual_seed(distributed.seed_of(self.seed, self.epochs))
        recipe, model, began = self.recipe, self.model, time.perf_counter()
        first, steps = self.epochs * self.batches.steps, recipe.epochs * self.batches.steps
        model.train()
        model.set_drop_path(recipe.drop_path * self.epochs / recipe.epochs)
        sums, seen = torch.zeros(2, device=self.device), 0
        for step, (images, labels) in enumerate(self.batches.epoch(self.epochs), first):
            rate = learning_rate(recipe, step, self.batches.steps)
            self._set_rate(rate)
            loss, right = (
                self._captured(images, labels, constants=recipe.drop_path * self.epochs)
                if self._captured else self._step(images, labels))
            if self.average:
                self.average.update()
            sums += torch.stack([loss * len(labels), right])
            seen += len(labels)
            if report:
                report(step + 1, steps, None)
        distributed.average([sums])
        loss, accuracy = (sums / seen).tolist()
        if not math.isfinite(loss):
            raise diverged(f"the loss is {loss} in epoch {self.epochs + 1}", recipe.learning_rate)
        self.epochs += 1
        row = {"epoch": self.epochs, "images": seen * distributed.size(), "learning_rate": rate,
               "train_loss": loss, "train_accuracy": accuracy}
        if self.valid:
            row["valid_accuracy"] = distributed.first(self._validate)
        took = time.perf_counter() - began
        self.seconds += took
        row["seconds"] = round(took, 3)
        distributed.first(lambda: self._save(row))
        if report:
            report(step + 1, steps, row)
        return row

    def _step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Learn from a batch; its mean loss, and how many images were recognised."""
        model, recipe = self.model, self.recipe
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss, logits = _loss(fused_conv.forward(model, images), labels, recipe)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        # What no node passes on has no gradient, in any process.
        distributed.average([weight.grad for weight in model.parameters()
                             if weight.grad is not None])
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        self.optimizer.step()
        return loss.detach(), (logits.detach().argmax(1) == labels).sum()

    def _set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            if self._captured is None:
                group["lr"] = rate
            elif isinstance(group["lr"], Tensor) and group["lr"].device.type == "cuda":
                group["lr"].fill_(rate)  # a recorded step reads it where it lies
            else:
                group["lr"] = torch.tensor(rate, device=self.device)

    @property
    def history(self) -> Path:
        return self.folder / run_folder.HISTORY

    @property
    def judged(self) -> nn.Module:
        """The network that is measured and kept: the averaged one, where weights are averaged."""
        return self.average.model if self.average else self.model

    def _validate(self) -> float:
        """Accuracy on the images held out; the best weights so far go to best.pt."""
        logits = predict(self.judged, self.valid.images, self.data.mean, self.data.std)
        accuracy = score(logits, self.valid.labels, len(self.data.labels)).accuracy
        run_folder.keep_best(self.folder, "valid_accuracy", operator.gt, {
            "epoch": self.epochs, "valid_accuracy": accuracy, "model": self.judged.state_dict()})
        return accuracy

    def _save(self, row: dict) -> None:
        run_folder.append_line(self.history, row)
        run_folder.save_checkpoint(self.folder, {
            "epoch": self.epochs, "seconds": self.seconds, "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "random": run_folder.random_states(self.device)})

    def restore(self) -> None:
        """Go back to the checkpoint, if there is one.  Raises RunError when it is damaged."""
        state = distributed.first(self._read)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.load_state_dict(state["average"])
        run_folder.set_random_states(state["random"], self.device)
        self.epochs, self.seconds = state["epoch"], state["seconds"]

    def _read(self) -> dict | None:
        wanted = ["epoch", "seconds", "model", "optimizer", "random"]
        state = run_folder.load_checkpoint(self.folder, *wanted, *["average"] * bool(self.average))
        run_folder.keep_lines(self.history, state["epoch"] if state else 0)
        return state

    def result(self) -> nn.Module:
        """The trained network."""
        if self.valid:
            self.judged.load_state_dict(run_folder.load_best(self.folder, "model")["model"])
        return self.judged


def _optimizer(model: nn.Module, recipe: Recipe, device: torch.device) -> torch.optim.SGD:
    parameters = list(model.parameters())
    groups = [{"params": parameters}]
    if not recipe.norm_weight_decay:
        groups = [{"params": [value for value in parameters if value.ndim > 1]},
                  {"params": [value for value in parameters if value.ndim <= 1],
                   "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum,
                           weight_decay=recipe.weight_decay, nesterov=recipe.nesterov,
                           fused=device.type in ("cpu", "cuda"))


def _loss(output, labels: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """The loss to descend, and the logits of the network itself."""
    logits, auxiliary = output if isinstance(output, tuple) else (output, None)
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    if auxiliary is not None:
        loss = loss + recipe.auxiliary_weight * F.cross_entropy(
            auxiliary, labels, label_smoothing=recipe.label_smoothing)
    return loss, logits
