"""Train the network of a cell: one loop, which is read in one sitting.

Liu et al. 2019 (arXiv 1806.09055, appendix A.1): SGD with momentum, an auxiliary head,
drop-path that rises with the epochs, gradient clipping.  The settings are in `zoo.recipe`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import zoo
from zoo import run_folder
from zoo.artifact import MANIFEST, read_manifest, seal
from zoo.average import WeightAverage
from zoo.batches import Batches
from zoo.cost import cost
from zoo.create import create_model
from zoo.datasets import ImageData, Split, hold_out
from zoo.device import hardware, pick_device, pick_precision
from zoo.evaluate import predict, score
from zoo.genotype import Genotype, to_json
from zoo.manifest import Input, Manifest, Network, plain_name
from zoo.recipe import Recipe
from zoo.registry import origin_lines
from zoo.schedule import learning_rate
from zoo.weights import WEIGHTS, save_weights

#: (steps done, steps in all, None or the row of the epoch that has ended)
Report = Callable[[int, int, dict | None], None]


class DivergedError(ValueError):
    """The loss is not a number any more."""


def train(cell: str, data: ImageData, recipe: Recipe, directory: Path | str, *,
          genotype: Genotype | None = None, seed: int = 0,
          device: str = "auto", precision: str = "auto", resume: bool = False,
          report: Report | None = None) -> Manifest:
    """Train `cell` on `data` and leave an artifact in `directory`; its manifest.

    `cell` is a registered name, or any name for the `genotype` that comes with it.
    `precision` is the recipe's where it is "auto".
    `report(steps done, steps in all, row)` is called after each step with row None, and after
    each epoch with that epoch's row of the history.  With `resume` a run that was interrupted
    goes on after its last whole epoch, on the CPU bit for bit as if it had not been.
    Test images are looked at once, after the last epoch.  With `recipe.validation` the weights
    are those of the epoch that was best on the images held out, else the last ones.

    Raises UnknownCellError, RunError for a folder that cannot be used, DivergedError when the
    loss is not finite, DataError for images that cannot be held out, ValueError for a device or
    precision that is not there.
    """
    folder = Path(directory)
    place = pick_device(device)
    dtype = pick_precision(recipe.precision if precision == "auto" else precision, place)
    genotype = genotype or zoo.genotype(cell)
    config = {"cell": cell, "genotype": str(genotype), "data": data.name,
              "data_sha256": _fingerprint(data), "seed": seed,
              "precision": str(dtype).removeprefix("torch."), "recipe": dataclasses.asdict(recipe)}
    if genotype.kind == "recurrent":
        raise ValueError(f"{cell} is a recurrent cell; images are learned by convolutional ones, "
                         "see `zoo list`")
    if not 0 <= seed < 2**63:
        raise ValueError(f"the seed must be a whole number from 0 to 2^63 - 1, not {seed}")
    if recipe.drawings and data.name != "digits":
        raise ValueError(f"the recipe adds drawn digits, but the data set is {data.name}")
    valid = None
    if recipe.validation:
        data, valid = hold_out(data, recipe.validation, seed)
    if resume:
        run_folder.check_same(folder, config)
        if (folder / MANIFEST).exists():
            run_folder.finish(folder)
            return read_manifest(folder)
    else:
        run_folder.start(folder, config)
    with torch.random.fork_rng([place] if place.type == "cuda" else []):
        torch.manual_seed(seed)
        training = Training(genotype, data, recipe, folder, seed, place, dtype, valid)
        training.restore()
        while training.epochs < recipe.epochs:
            training.epoch(report)
    return _finish(folder, cell, genotype, data, recipe, training.result(), {
        "epochs": recipe.epochs, "seed": seed, "hardware": hardware(place),
        "seconds": round(training.seconds)})


class Training:
    """What a training has reached: `epochs` whole ones in `seconds`, with `model`."""

    def __init__(self, genotype: Genotype, data: ImageData, recipe: Recipe, folder: Path,
                 seed: int, device: torch.device, dtype: torch.dtype, valid: Split | None):
        self.data, self.recipe, self.folder, self.valid = data, recipe, folder, valid
        self.device, self.dtype = device, dtype
        self.epochs, self.seconds = 0, 0.0
        self.model = create_model(
            genotype, recipe.network, channels=recipe.channels, layers=recipe.layers,
            num_classes=len(data.labels), in_channels=data.train.images.shape[-1],
            auxiliary=recipe.auxiliary_weight > 0,
        ).to(device, memory_format=torch.channels_last)  # twice as fast, on CPUs too
        self.average = WeightAverage(self.model, recipe.average) if recipe.average else None
        self.optimizer = _optimizer(self.model, recipe, device)
        self.batches = Batches(data, recipe, seed, device)

    def epoch(self, report: Report | None) -> None:
        """Go through the training set once, write the history's row and the checkpoint."""
        recipe, model, began = self.recipe, self.model, time.perf_counter()
        first, steps = self.epochs * self.batches.steps, recipe.epochs * self.batches.steps
        model.train()
        model.set_drop_path(recipe.drop_path * self.epochs / recipe.epochs)
        loss_sum, right = torch.zeros(2, device=self.device)
        for step, (images, labels) in enumerate(self.batches.epoch(self.epochs), first):
            rate = learning_rate(recipe, step, self.batches.steps)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            with torch.autocast(self.device.type, self.dtype,
                                enabled=self.dtype != torch.float32):
                loss, logits = _loss(_forward(model, images), labels, recipe)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
            self.optimizer.step()
            if self.average:
                self.average.update()
            loss_sum += loss.detach() * len(labels)
            right += (logits.detach().argmax(1) == labels).sum()
            if report:
                report(step + 1, steps, None)
        if not math.isfinite(loss_sum.item()):
            raise DivergedError(
                f"the loss is {loss_sum.item()} in epoch {self.epochs + 1}; train into a new "
                f"folder with a smaller --learning-rate (it was {recipe.learning_rate})")
        self.epochs += 1
        row = {"epoch": self.epochs, "learning_rate": rate,
               "train_loss": loss_sum.item() / self.batches.count,
               "train_accuracy": right.item() / self.batches.count}
        if self.valid:
            row["valid_accuracy"] = self._validate()
        took = time.perf_counter() - began
        self.seconds += took
        run_folder.append_line(self.folder / run_folder.HISTORY, row | {"seconds": round(took, 3)})
        self._save()
        if report:
            report(step + 1, steps, row | {"seconds": round(took, 3)})

    @property
    def judged(self) -> nn.Module:
        """The network that is measured and kept: the averaged one, where weights are averaged."""
        return self.average.model if self.average else self.model

    def _validate(self) -> float:
        """Accuracy on the images held out; the best weights so far go to best.pt."""
        logits = predict(self.judged, self.valid.images, self.data.mean, self.data.std)
        accuracy = score(logits, self.valid.labels, len(self.data.labels)).accuracy
        # The file says what it holds: a kill may come between it and the checkpoint.
        best = run_folder.load_checkpoint(self.folder, "valid_accuracy", "model",
                                          name=run_folder.BEST)
        if best is None or accuracy > best["valid_accuracy"]:
            run_folder.save_checkpoint(
                self.folder, {"epoch": self.epochs, "valid_accuracy": accuracy,
                              "model": self.judged.state_dict()}, run_folder.BEST)
        return accuracy

    def _save(self) -> None:
        run_folder.save_checkpoint(self.folder, {
            "epoch": self.epochs, "seconds": self.seconds, "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "random": run_folder.random_states(self.device)})

    def restore(self) -> None:
        """Go back to the checkpoint, if there is one.  Raises RunError when it is damaged."""
        wanted = ("epoch", "seconds", "model", "optimizer", "random")
        state = run_folder.load_checkpoint(self.folder, *wanted,
                                           *(["average"] if self.average else []))
        run_folder.keep_lines(self.folder / run_folder.HISTORY, state["epoch"] if state else 0)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.load_state_dict(state["average"])
        run_folder.set_random_states(state["random"], self.device)
        self.epochs, self.seconds = state["epoch"], state["seconds"]

    def result(self) -> nn.Module:
        """The trained network, in eval mode on the CPU."""
        if self.valid:
            best = run_folder.load_checkpoint(self.folder, "model", name=run_folder.BEST)
            if best is None:
                raise run_folder.RunError(f"{self.folder / run_folder.BEST} is gone; begin anew "
                                          "in another folder with -o")
            self.judged.load_state_dict(best["model"])
        return self.judged.cpu().eval()


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


def _forward(model: nn.Module, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
    """What `model(images)` gives in training mode."""
    return model(images)


def _loss(output, labels: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """The loss to descend, and the logits of the network itself."""
    logits, auxiliary = output if isinstance(output, tuple) else (output, None)
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    if auxiliary is not None:
        loss = loss + recipe.auxiliary_weight * F.cross_entropy(
            auxiliary, labels, label_smoothing=recipe.label_smoothing)
    return loss, logits


def _finish(folder: Path, cell: str, genotype: Genotype, data: ImageData, recipe: Recipe,
            model: nn.Module, facts: dict) -> Manifest:
    """Turn the run folder into an artifact."""
    result = score(predict(model, data.test.images, data.mean, data.std), data.test.labels,
                   len(data.labels))
    save_weights(model, folder / WEIGHTS)
    (folder / "genotype.json").write_text(to_json(genotype), encoding="utf-8")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in data.labels),
                                       encoding="utf-8")
    _, height, width, channels = data.train.images.shape
    costs = cost(model, (channels, height, width))
    manifest = seal(folder, Manifest(
        name=plain_name(f"{cell}-{data.name}"), genotype=cell, **origin_lines(cell, genotype),
        network=Network(kind=recipe.network, channels=recipe.channels, layers=recipe.layers,
                        num_classes=len(data.labels), in_channels=channels),
        input=Input(height=height, width=width, channels=channels, mean=data.mean, std=data.std,
                    data=data.name),
        labels=data.labels, trained=True,
        metrics={"test_accuracy": result.accuracy, "data": data.name, "images": result.images}
        | facts,
        parameters=costs.parameters, multiply_adds=costs.multiply_adds,
        tools={"genotype-zoo": zoo.__version__, "torch": torch.__version__},
    ), leaving_out={run_folder.CHECKPOINT, run_folder.BEST})
    run_folder.finish(folder)
    return manifest


def _fingerprint(data: ImageData) -> str:
    """sha256 of the training set: a run goes on only with the images that it began with."""
    digest = hashlib.sha256(data.train.images.tobytes())
    digest.update(data.train.labels.tobytes())
    return digest.hexdigest()
