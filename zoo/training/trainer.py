"""The training loop for images and texts.

`fit` trains a `Task` in a run folder (`zoo.runs.run_folder`), from the start or from the checkpoint
of an interrupted run.  The checkpoint holds everything an epoch depends on, so a resumed run gives
bit-identical results on the CPU.
"""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo.artifact.folder import read_manifest
from zoo.artifact.manifest import Manifest
from zoo.artifact.names import MANIFEST
from zoo.data.base import DataError
from zoo.recipes.schedule import learning_rate
from zoo.runs import run_folder
from zoo.runs.run_folder import diverged
from zoo.runs.tensorboard import HistoryEvents
from zoo.system import distributed
from zoo.system.cuda_graph import CapturedStep
from zoo.system.threads import fastest_threads, use_threads
from zoo.training.ema import ModelEMA
from zoo.training.tasks.base import Task

#: (steps or tokens done, their total, None or the row of the epoch that has just ended)
Report = Callable[[int, int, dict | None], None]
_MOST_ROLLBACKS = 2  # to the same epoch


def finished(folder: Path, config: dict, resume: bool) -> Manifest | None:
    """The manifest of a resumed run that is already complete, else None.

    Raises RunError if the folder holds a run with other settings than `config`.
    """
    if not resume or not (folder / MANIFEST).exists():
        return None
    run_folder.check_same(folder, config)
    run_folder.clean(folder)
    return read_manifest(folder)


def fit(task: Task, folder: Path, config: dict, *, seed: int, device: torch.device,
        dtype: torch.dtype, threads: int | None = None, resume: bool = False,
        report: Report | None = None, events: bool = False) -> Trainer:
    """Train in `folder` to the last epoch; `config` is the content of its config.json.

    `threads` is the number of CPU threads; None keeps that of a resumed run, and for a new one
    takes one or all, whichever is faster.  The first of several processes
    (`zoo.system.distributed`) writes and reports.
    Raises RunError for a folder that cannot be used, DivergedError for a loss that is not finite.
    """
    if not resume:
        distributed.first(lambda: run_folder.check_free(folder))
    with seeded(seed, device):
        count = threads or (
            distributed.first(lambda: run_folder.threads(folder, task.recipe)) if resume else
            fastest_threads(lambda: _first_step(task, folder, seed, device, dtype), device))
    config = config | {"threads": count}
    with use_threads(count), seeded(seed, device):
        trainer = Trainer(task, folder, seed, device, dtype)
        distributed.first(functools.partial(
            run_folder.check_same if resume else run_folder.start, folder, config))
        trainer.restore()
        writes = distributed.rank() == 0
        try:
            trainer.run(report if writes else None, events and writes)
        except DataError:  # a damaged file, without which this is another run
            run_folder.abandon(folder)
            raise
    return trainer


def _first_step(task: Task, folder: Path, seed: int, device: torch.device, dtype: torch.dtype
                ) -> Callable[[], object]:
    """A function that repeats the first training step, on a separate network."""
    trainer = Trainer(task, folder, seed, device, dtype)
    task.begin_epoch(trainer.model.train(), 0)
    batch = next(iter(task.batches(trainer.model, 0, seed)))
    return lambda: trainer._update(*batch.inputs)


def check_seed(seed: int) -> None:
    """Raise ValueError for a seed that torch's generators cannot take."""
    if not 0 <= seed < 2**63:
        raise ValueError(f"the seed must be a whole number from 0 to 2^63 - 1, not {seed}")


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's generators, and restore them on exit."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


class Trainer:
    """The state of a training: `model` after `epochs` full epochs in `seconds`.

    `rollbacks` are the epochs that it was reset to, to continue with another seed.
    """

    def __init__(self, task: Task, folder: Path, seed: int, device: torch.device,
                 dtype: torch.dtype = torch.float32) -> None:
        self.task, self.recipe, self.folder = task, task.recipe, folder
        self.seed, self.device, self.dtype = seed, device, dtype
        self.epochs, self.seconds = 0, 0.0
        self.rollbacks: list[int] = []
        self.best_epoch: int | None = None  # set by `result`
        self.model = task.build(device)
        self.ema = ModelEMA(self.model, task.recipe.ema_decay) if task.recipe.ema_decay else None
        self.optimizer = task.optimizer(self.model)
        # A step in which processes communicate cannot be captured.
        self._captures = (task.captured and device.type == "cuda"
                          and not distributed.is_started())
        self._step = CapturedStep(self._update, device if self._captures else torch.device("cpu"))

    def run(self, report: Report | None = None, events: bool = False) -> None:
        """Run the remaining epochs; each writes a history row and a checkpoint."""
        with contextlib.closing(HistoryEvents(self.folder, self.history)) as written:
            while self.epochs < self.recipe.epochs:
                began = time.perf_counter()
                row = self.epoch(report)
                took = time.perf_counter() - began
                self.seconds += took
                if not _is_finite(row):
                    self._roll_back(row)
                    written.close()  # the history is shorter now
                    continue
                if self.task.end_epoch(row):
                    self.optimizer = self.task.optimizer(self.model)
                if self.rollbacks:
                    row["rollbacks"] = self.rollbacks
                row["seconds"] = round(took, 3)
                distributed.first(functools.partial(self._save, row))
                if events:
                    written.follow()
                if report:
                    report(*self._progress(self.task.length, self.epochs - 1), row)

    def epoch(self, report: Report | None = None) -> dict:
        """Train on the whole training set, validate, and return the epoch's history row.

        The losses may be infinite or NaN.  The best weights so far are saved to best.pt.
        """
        row = self._learn(report)
        self.epochs += 1
        row = {"epoch": self.epochs} | row
        if self.task.measure and math.isfinite(row["train_loss"]):
            row |= distributed.first(self._validate)
        return row

    def _learn(self, report: Report | None) -> dict:
        task, model, seed = self.task, self.model, self.seed + len(self.rollbacks)
        if distributed.is_started():  # each process draws its own random numbers
            torch.manual_seed(distributed.seed_of(seed, self.epochs))
        model.train()
        constants = task.begin_epoch(model, self.epochs)
        sums, count, rate = torch.zeros((), device=self.device), 0, 0.0
        for batch in task.batches(model, self.epochs, seed):
            rate = learning_rate(self.recipe, self.epochs * task.length + batch.start, task.length)
            self._set_rate(rate * batch.length / batch.whole)
            seen = self._step(*batch.inputs, constants=constants)
            if self.ema:
                self.ema.update()
            sums = sums + task.observe(seen, batch.size)
            count += batch.size
            if report:
                report(*self._progress(batch.stop, self.epochs), None)
        distributed.average([sums])
        return task.row(sums, count, rate)

    def _update(self, *inputs: Tensor) -> Sequence[Tensor]:
        """Update the weights once."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss, seen = self.task.loss(self.model, *inputs)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        # Parameters that the loss does not depend on have no gradient in any process.
        distributed.average([weight.grad for weight in self.model.parameters()
                             if weight.grad is not None])
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        return seen

    def _set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            if not self._captures:
                group["lr"] = rate
            elif isinstance(group["lr"], Tensor) and group["lr"].device.type == "cuda":
                group["lr"].fill_(rate)  # in place, where a captured step reads it
            else:
                group["lr"] = torch.tensor(rate, device=self.device)

    def _progress(self, position: int, epochs: int) -> tuple[int, int]:
        length, units = self.task.length, self.task.units
        return (epochs * length + position) * units, self.recipe.epochs * length * units

    def _validate(self) -> dict[str, float]:
        assert self.task.measure
        key, better = self.task.measure
        with self.eval_model() as model:
            metrics = self.task.validate(model)
            if math.isfinite(metrics[key]):
                state = {"epoch": self.epochs, key: metrics[key], "model": model.state_dict()}
                if self.task.rolls_back:  # with ASGD to the averaged weights, as in 2018
                    state["training"] = self.state_dict()
                run_folder.keep_best(self.folder, key, better, state)
        return metrics

    @contextlib.contextmanager
    def eval_model(self) -> Iterator[nn.Module]:
        """The network to evaluate and save, with averaged weights if there are any."""
        if self.ema:
            yield self.ema.model
            return
        with self.task.eval_model(self.model, self.optimizer) as model:
            yield model

    def result(self) -> nn.Module:
        """The trained network: that of `best_epoch` if there is validation data, else the last."""
        if not self.task.measure:
            return self.ema.model if self.ema else self.model
        best = distributed.first(functools.partial(
            run_folder.load_best, self.folder, "model", self.task.measure[0], "epoch"))
        with run_folder.reading(self.folder / run_folder.BEST):
            self.model.load_state_dict(best["model"])
        self.best_epoch = best["epoch"]
        return self.model

    # --- checkpoints ------------------------------------------------------------------------

    @property
    def history(self) -> Path:
        return self.folder / run_folder.HISTORY

    def state_dict(self) -> dict:
        return {"epoch": self.epochs, "seconds": self.seconds, "rollbacks": self.rollbacks,
                "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                "average": self.ema.state_dict() if self.ema else None,
                "random": run_folder.random_states(self.device)} | self.task.state_dict()

    def load_state_dict(self, state: dict) -> None:
        self.epochs, self.rollbacks = state["epoch"], list(state.get("rollbacks", []))
        self.task.load_state_dict(state)
        self.model.load_state_dict(state["model"])
        self.optimizer = self.task.optimizer(self.model)
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema:
            self.ema.load_state_dict(state["average"])
        run_folder.set_random_states(state["random"], self.device)

    def restore(self) -> None:
        """Load the checkpoint, if there is one.  Raises RunError if it is damaged."""
        if state := distributed.first(self._read):
            with run_folder.reading(self.folder / run_folder.CHECKPOINT):
                self.load_state_dict(state)
                self.seconds = state["seconds"]

    def _read(self) -> dict | None:
        """The checkpoint; truncates the history to its epoch."""
        unknown = {"rollbacks"} if self.ema else {"rollbacks", "average"}  # in older runs
        state = run_folder.load_checkpoint(self.folder, *self.state_dict().keys() - unknown)
        if state:
            with run_folder.reading(self.folder / run_folder.CHECKPOINT):
                if state["epoch"] not in range(1, self.recipe.epochs + 1):
                    raise ValueError
            run_folder.check_history(self.history, state["epoch"])
        run_folder.keep_lines(self.history, state["epoch"] if state else 0)
        return state

    def _save(self, row: dict) -> None:
        run_folder.append_line(self.history, row)
        run_folder.save_checkpoint(self.folder, self.state_dict())

    def _roll_back(self, row: dict) -> None:
        """Return to the best epoch with another seed, as the 2018 release does.

        Saved to the checkpoint and the history, so that a kill does not undo it.  Raises
        DivergedError for a task without rollbacks, without a best epoch, and after two rollbacks
        to the same epoch.
        """
        best = None
        if self.task.rolls_back:
            best = distributed.first(functools.partial(
                run_folder.load_checkpoint, self.folder, "epoch", name=run_folder.BEST))
        if (best is None or "training" not in best  # missing in older runs
                or self.rollbacks.count(best["epoch"]) == _MOST_ROLLBACKS):
            raise diverged(f"the loss is not finite in epoch {row['epoch']}",
                           self.recipe.learning_rate)
        self.load_state_dict(best["training"] | self.task.kept_on_roll_back() | {
            "rollbacks": [*self.rollbacks, best["epoch"]],
            "random": run_folder.random_states(self.device)})

        def write() -> None:
            run_folder.save_checkpoint(self.folder, self.state_dict())
            run_folder.keep_lines(self.history, self.epochs)

        distributed.first(write)


def _is_finite(row: dict) -> bool:
    return all(math.isfinite(row[key]) for key in ("train_loss", "valid_loss") if key in row)
