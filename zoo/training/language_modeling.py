"""Train a language model from text to artifact; an epoch of it is in `language_epochs`.

Liu et al. 2019 (arXiv 1806.09055, appendix A.3.2).  The settings are in `zoo.recipes.language`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import math
import operator
import time
from pathlib import Path

import torch

import zoo
from zoo.artifact.folder import MANIFEST, VOCABULARY, finalize, json_bytes, read_manifest
from zoo.artifact.manifest import Input, Manifest, Network, plain_name
from zoo.data.base import DataError
from zoo.data.text import TextData
from zoo.data.text_batches import columns
from zoo.genotypes.serialization import Genotype, to_json
from zoo.models.recurrent import LanguageModel, TiedModel
from zoo.recipes.language import LanguageRecipe
from zoo.registry import origin_lines
from zoo.system import distributed
from zoo.system.device import hardware, pick_device, pick_precision
from zoo.system.files import write_whole
from zoo.training import run_folder
from zoo.training.classification import Report
from zoo.training.language_epochs import STATE, Training
from zoo.training.losses import mean_loss, measures, perplexity
from zoo.training.run_folder import diverged
from zoo.training.tensorboard import HistoryEvents
from zoo.weights import WEIGHTS, save_weights

_ROLLBACKS = 2  # to the same epoch


def train(cell: str, data: TextData, recipe: LanguageRecipe, directory: Path | str, *,
          genotype: Genotype | None = None, seed: int = 0, device: str = "auto",
          precision: str = "auto", resume: bool = False, report: Report | None = None,
          events: bool = False) -> Manifest:
    """Train the language model of `cell` on `data` and leave an artifact in `directory`; its
    manifest.

    `cell` is a registered name, or any name for the `genotype` that comes with it; the rest is
    as in `zoo.training.classification.train`, with `report` counting tokens.  The weights are
    those of the epoch that was best on the validation text; the test text is read once, at the end.
    Where the loss is not finite it goes back to the best epoch and on with other
    draws, as the release does.

    Raises UnknownCellError, RunError for a folder that cannot be used, DivergedError when the
    loss is not finite in the first epoch or for the third time after the same one, DataError for
    a text that is too small for the batch, ValueError for a device or precision that is not there
    and for columns that cannot be shared out evenly to the processes.
    """
    genotype = genotype or zoo.genotype(cell)
    if genotype.kind != "recurrent":
        raise ValueError(f"{cell} is not a recurrent cell, which language models are made of; "
                         "see `zoo list --kind recurrent`")

    def build() -> TiedModel:
        return LanguageModel(genotype, data.vocabulary_size, recipe.hidden, recipe.hidden,
                             **recipe.dropouts())

    def finished() -> Manifest | None:
        if not resume or not (folder / MANIFEST).exists():
            return None
        run_folder.check_same(folder, config | _config(data, recipe, seed, device, precision),
                              LanguageRecipe)
        run_folder.finish(folder)
        return read_manifest(folder)

    folder = Path(directory)
    config = {"cell": cell, "genotype": str(genotype)}
    with distributed.group(pick_device(device)):
        if manifest := distributed.first(finished):
            return manifest
        model, facts = fit(build, data, recipe, folder, config, seed=seed, device=device,
                           precision=precision, resume=resume, report=report, events=events)
        return distributed.first(lambda: _finish(folder, cell, genotype, data, model, facts))


def fit(build, data: TextData, recipe: LanguageRecipe, folder: Path, config: dict, *,
        seed: int = 0, device: str = "auto", precision: str = "auto", resume: bool = False,
        report: Report | None = None, events: bool = False) -> tuple[TiedModel, dict]:
    """The trained model that `build()` makes, in eval mode on the CPU, and what is known of it.

    `folder` holds the run; `config` says what is built.  Raises as `train` does.
    """
    config = config | _config(data, recipe, seed, device, precision)
    if not 0 <= seed < 2**63:
        raise ValueError(f"the seed must be a whole number from 0 to 2^63 - 1, not {seed}")
    rows = len(columns(data.train, recipe.batch_size))  # refuses a text that is too small
    if recipe.random_time and rows < 3:
        raise DataError(f"the text is too small for the batch: {len(data.train)} tokens make "
                        f"{recipe.batch_size} columns of {rows}, and 3 are needed; give a longer "
                        "text or a smaller --batch-size")
    with distributed.group(pick_device(device)) as place:
        with torch.random.fork_rng([place] if place.type == "cuda" else []):
            torch.manual_seed(seed)
            training = Training(build().to(place), data.train, recipe, seed, place,
                                getattr(torch, config["precision"]))
            distributed.first(lambda: _prepare(folder, config, resume))
            seconds = _go_on(training, data, folder,
                             report if distributed.rank() == 0 else None, events)
        model = training.model
        best = distributed.first(
            lambda: run_folder.load_best(folder, "model", "valid_loss", "epoch"))
        model.load_state_dict(best["model"])
        facts = distributed.first(lambda: measures(model, data, recipe.test_columns))
    return model.cpu().eval(), facts | {
        "data": data.name, "tokens": len(data.test), "test_columns": recipe.test_columns,
        "best_epoch": best["epoch"], "epochs": recipe.epochs, "seed": seed,
        "hardware": hardware(place, distributed.size()), "seconds": round(seconds)}


def _prepare(folder: Path, config: dict, resume: bool) -> None:
    if resume:
        run_folder.check_same(folder, config, LanguageRecipe)
    else:
        run_folder.start(folder, config)


def _go_on(training: Training, data: TextData, folder: Path, report: Report | None,
           events: bool) -> float:
    """Train from the checkpoint, if there is one, to the last epoch: seconds in all."""
    recipe, seconds = training.recipe, 0.0
    if state := distributed.first(lambda: _read(folder)):
        training.load_state_dict(state)
        seconds = state["seconds"]
    with contextlib.closing(HistoryEvents(folder, folder / run_folder.HISTORY)) as written:
        while training.epochs < recipe.epochs:
            began = time.perf_counter()
            row = training.epoch(report)
            valid_loss = distributed.first(
                functools.partial(_validate, training, data, folder, row["train_loss"]))
            if not math.isfinite(row["train_loss"] + valid_loss):
                seconds += time.perf_counter() - began
                _roll_back(training, folder, seconds)
                written.close()  # the history is shorter now
                continue
            training.note(valid_loss)
            took = time.perf_counter() - began
            seconds += took
            row |= {"valid_loss": valid_loss, "valid_perplexity": perplexity(valid_loss)}
            if data.by == "char":
                row["valid_bits_per_character"] = valid_loss / math.log(2)
            if training.rollbacks:
                row["rollbacks"] = training.rollbacks
            row["seconds"] = round(took, 3)
            distributed.first(functools.partial(_save, training, folder, row, seconds))
            if events and distributed.rank() == 0:
                written.follow()
            if report:
                done = training.epochs * training.tokens
                report(done, recipe.epochs * training.tokens, row)
    return seconds


def _read(folder: Path) -> dict | None:
    """The checkpoint, if there is one, and the history cut to where it stands."""
    state = run_folder.load_checkpoint(folder, *STATE, "seconds")
    run_folder.keep_lines(folder / run_folder.HISTORY, state["epoch"] if state else 0)
    return state


def _save(training: Training, folder: Path, row: dict, seconds: float) -> None:
    run_folder.append_line(folder / run_folder.HISTORY, row)
    run_folder.save_checkpoint(folder, training.state_dict() | {"seconds": seconds})


def _roll_back(training: Training, folder: Path, seconds: float) -> None:
    """Go back to the best epoch, and write that down: a kill does not bring the failed one back.

    Raises DivergedError where there is none, or where going back to it has not helped twice.
    """
    failed = training.epochs
    best = distributed.first(lambda: run_folder.load_checkpoint(
        folder, "epoch", name=run_folder.BEST))
    if (best is None or "training" not in best  # as older runs have none
            or training.rollbacks.count(best["epoch"]) == _ROLLBACKS):
        raise diverged(f"the loss is not finite in epoch {failed}", training.recipe.learning_rate)
    training.roll_back(best["training"])

    def write() -> None:
        run_folder.save_checkpoint(folder, training.state_dict() | {"seconds": seconds})
        run_folder.keep_lines(folder / run_folder.HISTORY, training.epochs)

    distributed.first(write)


def _validate(training: Training, data: TextData, folder: Path, train_loss: float) -> float:
    """Nats a token on the validation text; the best weights so far go to best.pt."""
    with training.judged() as model:
        valid_loss = mean_loss(model, data.valid)
        if math.isfinite(train_loss + valid_loss):
            # What is gone back to are the averaged weights, where they are averaged by ASGD, as in
            # the release.
            run_folder.keep_best(folder, "valid_loss", operator.lt, {
                "epoch": training.epochs, "valid_loss": valid_loss, "model": model.state_dict(),
                "training": training.state_dict()})
    return valid_loss


def _config(data: TextData, recipe: LanguageRecipe, seed: int, device: str, precision: str
            ) -> dict:
    dtype = pick_precision(precision, pick_device(device), recipe.precision)
    return {"network": "language", "data": data.name, "by": data.by,
            "data_sha256": _fingerprint(data), "seed": seed,
            "precision": str(dtype).removeprefix("torch."), "recipe": dataclasses.asdict(recipe)}


def _fingerprint(data: TextData) -> str:
    """sha256 of what is learned from: a run goes on only with the text that it began with."""
    digest = hashlib.sha256(json.dumps(data.vocabulary).encode())
    for ids in (data.train, data.valid):
        digest.update(ids.tobytes())
    return digest.hexdigest()


def _finish(folder: Path, cell: str, genotype: Genotype, data: TextData, model: LanguageModel,
            facts: dict) -> Manifest:
    """Turn the run folder into an artifact."""
    save_weights(model, folder / WEIGHTS)
    write_whole(folder / "genotype.json", to_json(genotype).encode())
    write_whole(folder / VOCABULARY, json_bytes(data.vocabulary))
    manifest = finalize(folder, Manifest(
        name=plain_name(f"{cell}-{data.name}"), genotype=cell, **origin_lines(cell, genotype),
        task="language-model-step", network=Network(kind="language", **model.settings),
        input=Input(name="tokens", range=None, data=data.name, unit=data.by),
        trained=True, metrics=facts,
        parameters=sum(value.numel() for value in model.parameters()),
        tools={"genotype-zoo": zoo.__version__, "torch": torch.__version__},
    ), leaving_out={run_folder.CHECKPOINT, run_folder.BEST})
    run_folder.finish(folder)
    return manifest
