"""The training loop of images and texts.

`fit` trains a `Task` in a run folder (`zoo.runs.run_folder`): from the beginning, or from
the checkpoint that an interrupted run has left.  What an epoch depends on is in the checkpoint,
so that on the CPU a resumed run ends with the same bits.
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

from zoo.artifact.folder import MANIFEST, read_manifest
from zoo.artifact.manifest import Manifest
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

#: (steps or tokens done, in all, None or the row of the epoch that has ended)
Report = Callable[[int, int, dict | None], None]
_ROLL_BACKS = 2  # to the same epoch


def finished(folder: Path, config: dict, resume: bool) -> Manifest | None:
    """The manifest of a run that is resumed and turns out to be complete.

    Raises RunError for a folder that holds another run than `config`.
    """
    if not resume or not (folder / MANIFEST).exists():
        return None
    run_folder.check_same(folder, config)
    run_folder.clean(folder)
    return read_manifest(folder)


def fit(task: Task, folder: Path, config: dict, *, seed: int, device: torch.device,
        dtype: torch.dtype, threads: int | None = None, resume: bool = False,
        report: Report | None = None, events: bool = False) -> Trainer:
    """Train in `folder`, which says by `config` what it holds, to the last epoch.

    `threads` is the number of CPU threads; None keeps that of a resumed run, and takes the faster
    of one and all for a new one.  Of several processes (`zoo.system.distributed`) the first one
    writes and reports.
    Raises RunError for a folder that cannot be used, DivergedError when the loss is not finite.
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
        except DataError:  # a damaged file: without it this would be a different run
            run_folder.abandon(folder)
            raise
    return trainer


def _first_step(task: Task, folder: Path, seed: int, device: torch.device, dtype: torch.dtype
                ) -> Callable[[], object]:
    """A function that repeats the first step of a training, on a network of its own."""
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
    """Torch's generators seeded, and put back afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


class Trainer:
    """What a training has reached: `epochs` whole ones in `seconds`, with `model`.

    `rollbacks` are the epochs from which it went on a second time, with other draws.
    """

    def __init__(self, task: Task, folder: Path, seed: int, device: torch.device,
                 dtype: torch.dtype = torch.float32) -> None:
        self.task, self.recipe, self.folder = task, task.recipe, folder
        self.seed, self.device, self.dtype = seed, device, dtype
        self.epochs, self.seconds = 0, 0.0
        self.rollbacks: list[int] = []
        self.best_epoch: int | None = None  # known from `result`
        self.model = task.build(device)
        self.ema = ModelEMA(self.model, task.recipe.ema_decay) if task.recipe.ema_decay else None
        self.optimizer = task.optimizer(self.model)
        # Processes that wait for each other in the middle of a step cannot replay it.
        self._captures = (task.captured and device.type == "cuda"
                          and not distributed.is_started())
        self._step = CapturedStep(self._update, device if self._captures else torch.device("cpu"))

    def run(self, report: Report | None = None, events: bool = False) -> None:
        """All epochs that are left, each with a row of the history and a checkpoint."""
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
        """Learn from the whole training set and measure: the epoch's row of the history.

        Its losses may not be finite.  Weights that are the best so far go to best.pt.
        """
        row = self._learn(report)
        self.epochs += 1
        row = {"epoch": self.epochs} | row
        if self.task.measure and math.isfinite(row["train_loss"]):
            row |= distributed.first(self._validate)
        return row

    def _learn(self, report: Report | None) -> dict:
        task, model, seed = self.task, self.model, self.seed + len(self.rollbacks)
        if distributed.is_started():  # each process has data and draws of its own
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
        """One step of the weights."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss, seen = self.task.loss(self.model, *inputs)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        # What no node passes on has no gradient, in any process.
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
                group["lr"].fill_(rate)  # a recorded step reads it where it lies
            else:
                group["lr"] = torch.tensor(rate, device=self.device)

    def _progress(self, position: int, epochs: int) -> tuple[int, int]:
        length, units = self.task.length, self.task.units
        return (epochs * length + position) * units, self.recipe.epochs * length * units

    def _validate(self) -> dict[str, float]:
        assert self.task.measure
        key, better = self.task.measure
        with self.eval_model() as model:
            found = self.task.validate(model)
            if math.isfinite(found[key]):
                state = {"epoch": self.epochs, key: found[key], "model": model.state_dict()}
                if self.task.rolls_back:  # to averaged weights where ASGD averages, as in 2018
                    state["training"] = self.state_dict()
                run_folder.keep_best(self.folder, key, better, state)
        return found

    @contextlib.contextmanager
    def eval_model(self) -> Iterator[nn.Module]:
        """The network that is measured and kept: the averaged one, where weights are averaged."""
        if self.ema:
            yield self.ema.model
            return
        with self.task.eval_model(self.model, self.optimizer) as model:
            yield model

    def result(self) -> nn.Module:
        """The trained network: that of the `best_epoch`, where there is a measure."""
        if not self.task.measure:
            return self.ema.model if self.ema else self.model
        best = distributed.first(functools.partial(
            run_folder.load_best, self.folder, "model", self.task.measure[0], "epoch"))
        with run_folder.reading(self.folder / run_folder.BEST):
            self.model.load_state_dict(best["model"])
        self.best_epoch = best["epoch"]
        return self.model

    # --- what the next epoch depends on -----------------------------------------------------

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
        """Go back to the checkpoint, if there is one.  Raises RunError when it is damaged."""
        if state := distributed.first(self._read):
            with run_folder.reading(self.folder / run_folder.CHECKPOINT):
                self.load_state_dict(state)
                self.seconds = state["seconds"]

    def _read(self) -> dict | None:
        """The checkpoint, and the history cut to where it stands."""
        unknown = {"rollbacks"} if self.ema else {"rollbacks", "average"}  # to older runs
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
        """Go back to the best epoch and on with other draws, as the 2018 release does.

        That is written down: a kill does not bring the failed epoch back.  Raises DivergedError
        for a task that does not go back, where there is no best epoch yet, and where going back
        to it has not helped twice.
        """
        best = None
        if self.task.rolls_back:
            best = distributed.first(functools.partial(
                run_folder.load_checkpoint, self.folder, "epoch", name=run_folder.BEST))
        if (best is None or "training" not in best  # as older runs have none
                or self.rollbacks.count(best["epoch"]) == _ROLL_BACKS):
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
