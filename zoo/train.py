"""Train the network of a cell: one loop, as in the official 2018 DARTS release.

Liu et al. 2019 (arXiv 1806.09055, appendix A.1): SGD with momentum on a cosine, an auxiliary
head, drop-path that rises with the epochs, gradient clipping.  The settings are in `zoo.recipe`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import zoo
from zoo import run_folder
from zoo.artifact import MANIFEST, read_manifest, seal
from zoo.augment import augment, cutout
from zoo.cost import cost
from zoo.create import create_model
from zoo.datasets import ImageData
from zoo.drawn_digits import draw
from zoo.evaluate import normalise, predict, score
from zoo.genotype import Genotype, to_json
from zoo.manifest import Input, Manifest, Network, plain_name
from zoo.recipe import Recipe
from zoo.registry import origin_lines
from zoo.weights import WEIGHTS, save_weights


class DivergedError(ValueError):
    """The loss is not a number any more."""


def train(cell: str, data: ImageData, recipe: Recipe, directory: Path | str, *,
          genotype: Genotype | None = None, seed: int = 0,
          device: str = "auto", precision: str = "auto", resume: bool = False,
          report: Callable[[int, int, dict | None], None] | None = None) -> Manifest:
    """Train `cell` on `data` and leave an artifact in `directory`; its manifest.

    `cell` is a registered name, or any name for the `genotype` that comes with it.
    `report(steps done, steps in all, row)` is called after each step with row None, and after
    each epoch with that epoch's row of the history.  With `resume` a run that was interrupted
    goes on after its last whole epoch, on the CPU bit for bit as if it had not been.
    Test images are looked at once, after the last epoch.

    Raises UnknownCellError, RunError for a folder that cannot be used, DivergedError when the
    loss is not finite, ValueError for a device or precision that is not there.
    """
    folder = Path(directory)
    place = pick_device(device)
    dtype = pick_precision(precision, place)
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
    if resume:
        run_folder.check_same(folder, config)
        if (folder / MANIFEST).exists():
            run_folder.finish(folder)
            return read_manifest(folder)
    else:
        run_folder.start(folder, config)
    devices = [place] if place.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        model, seconds = _train(genotype, data, recipe, folder, seed, place, dtype, report)
    return _finish(folder, cell, genotype, data, recipe, model.cpu().eval(), {
        "epochs": recipe.epochs, "seed": seed, "hardware": hardware(place),
        "seconds": round(seconds)})


def _train(genotype, data, recipe, folder, seed, device, dtype, report) -> tuple[nn.Module, float]:
    model = create_model(
        genotype, recipe.network, channels=recipe.channels, layers=recipe.layers,
        num_classes=len(data.labels), in_channels=data.train.images.shape[-1],
        auxiliary=recipe.auxiliary_weight > 0,
    ).to(device, memory_format=torch.channels_last)  # twice as fast, on CPUs too
    optimizer = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate,
                                momentum=recipe.momentum, weight_decay=recipe.weight_decay)
    first, seconds = _restore(folder, model, optimizer, device)
    real = _to_device(data.train.images, data.train.labels, device)
    count = len(data.train.labels) + recipe.drawings
    # A last batch of a single image would leave batch-norm nothing to average over.
    batches = count // recipe.batch_size + (count % recipe.batch_size > 1)

    for epoch in range(first, recipe.epochs):
        began = time.perf_counter()
        rate = recipe.learning_rate * (1 + math.cos(math.pi * epoch / recipe.epochs)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate
        model.train()
        model.set_drop_path(recipe.drop_path * epoch / recipe.epochs)
        loss_sum = torch.zeros((), device=device)
        right = torch.zeros((), device=device)
        pixels, labels = real
        if recipe.drawings:  # new ones in every epoch, the same ones after a resume
            drawn = _to_device(*draw(recipe.drawings, [seed, epoch]), device)
            pixels, labels = (torch.cat(pair) for pair in zip(real, drawn))
        order = torch.randperm(count).to(device)
        for step, chosen in enumerate(order.split(recipe.batch_size)[:batches]):
            images = normalise(augment(pixels[chosen].float(), recipe), data.mean, data.std)
            if recipe.cutout:
                images = cutout(images, recipe.cutout)
            images = images.contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                output = model(images)
                loss, logits = _loss(output, labels[chosen], recipe)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
            optimizer.step()
            loss_sum += loss.detach() * len(chosen)
            right += (logits.detach().argmax(1) == labels[chosen]).sum()
            if report:
                report(epoch * batches + step + 1, recipe.epochs * batches, None)
        if not math.isfinite(loss_sum.item()):
            raise DivergedError(
                f"the loss is {loss_sum.item()} in epoch {epoch + 1}; train into a new folder "
                f"with a smaller --learning-rate (it was {recipe.learning_rate})")
        took = time.perf_counter() - began
        seconds += took
        row = {"epoch": epoch + 1, "learning_rate": rate,
               "train_loss": loss_sum.item() / count,
               "train_accuracy": right.item() / count, "seconds": round(took, 3)}
        run_folder.append_line(folder / run_folder.HISTORY, row)
        run_folder.save_checkpoint(folder, {
            "epoch": epoch + 1, "seconds": seconds, "model": model.state_dict(),
            "optimizer": optimizer.state_dict(), "random": run_folder.random_states(device)})
        if report:
            report((epoch + 1) * batches, recipe.epochs * batches, row)
    return model, seconds


def _to_device(images: np.ndarray, labels: np.ndarray, device) -> tuple[Tensor, Tensor]:
    """Raw pixels (N, C, H, W) and labels, as tensors."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    return pixels.to(device), torch.from_numpy(labels).to(device)


def _loss(output, labels: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """The loss to descend, and the logits of the network itself."""
    logits, auxiliary = output if isinstance(output, tuple) else (output, None)
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    if auxiliary is not None:
        loss = loss + recipe.auxiliary_weight * F.cross_entropy(
            auxiliary, labels, label_smoothing=recipe.label_smoothing)
    return loss, logits


def _restore(folder: Path, model, optimizer, device) -> tuple[int, float]:
    """Go back to the checkpoint, if there is one: the epochs and seconds done so far."""
    state = run_folder.load_checkpoint(folder, "epoch", "model", "optimizer", "random")
    run_folder.keep_lines(folder / run_folder.HISTORY, state["epoch"] if state else 0)
    if state is None:
        return 0, 0.0
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    run_folder.set_random_states(state["random"], device)
    return state["epoch"], state["seconds"]


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
    ), leaving_out={run_folder.CHECKPOINT})
    run_folder.finish(folder)
    return manifest


# --- where and how precisely ----------------------------------------------------------------


def pick_device(name: str = "auto") -> torch.device:
    """'auto': cuda, else mps, else cpu.  Raises ValueError for one that is not here."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(),
            "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in here.items() if there))
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or not here.get(device.type):
        raise ValueError(f"no device {name!r} here; use "
                         + ", ".join(kind for kind, there in here.items() if there))
    return device


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """'auto': bfloat16 on a GPU that computes in it, else float32."""
    if name not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"unknown precision {name!r}; allowed are auto, float32, bfloat16")
    able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if name == "bfloat16" or (name == "auto" and able) else torch.float32


def hardware(device: torch.device) -> str:
    """What trained, for the card: 'NVIDIA H100', 'x86_64 CPU, 1 thread'."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{platform.machine()} {device.type.upper()}, {threads} thread{'s' * (threads > 1)}"


def _fingerprint(data: ImageData) -> str:
    """sha256 of the training set: a run goes on only with the images that it began with."""
    digest = hashlib.sha256(data.train.images.tobytes())
    digest.update(data.train.labels.tobytes())
    return digest.hexdigest()
