"""Trains a language model, from a recipe and a text to an artifact."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

import zoo
from zoo.artifact.folder import json_bytes
from zoo.artifact.manifest import Input, Manifest, Network, plain_name
from zoo.artifact.names import VOCABULARY
from zoo.data.text import TextData
from zoo.genotypes.serialization import Genotype
from zoo.models.recurrent import LanguageModel, TiedModel
from zoo.recipes.language import LanguageRecipe
from zoo.registry import origin_lines
from zoo.runs import run_folder
from zoo.runs.run_lock import at_work
from zoo.system import distributed
from zoo.system.device import hardware, pick_device, pick_precision
from zoo.system.files import write_whole
from zoo.system.threads import check_threads
from zoo.training import trainer
from zoo.training.losses import measures
from zoo.training.tasks.language import LanguageTask
from zoo.training.trainer import Report


def train(cell: str, data: TextData, recipe: LanguageRecipe, directory: Path | str, *,
          genotype: Genotype | None = None, seed: int = 0, device: str = "auto",
          precision: str = "auto", threads: int | None = None, resume: bool = False,
          report: Report | None = None, events: bool = False,
          source: Mapping[str, Any] | None = None) -> Manifest:
    """Train the language model of `cell` on `data`, write an artifact to `directory`, and return
    its manifest.

    `cell` is a registered name, or any name for the given `genotype`; the other arguments are as
    in `zoo.training.classification.train`, with `report` counting tokens.  The weights are those
    of the best epoch on the validation text; the test text is evaluated once, at the end.  After
    a loss that is not finite the training restarts from the best epoch with another seed, as in
    the 2018 release.

    Raises UnknownCellError, RunError for a folder that cannot be used, DivergedError if the loss
    is not finite in the first epoch or for the third time after the same epoch, DataError for
    a text that is too small for the batch, ValueError for an unavailable device or precision and
    for a batch that cannot be divided evenly among the processes.
    """
    genotype = genotype or zoo.genotype(cell)
    if genotype.kind != "recurrent":
        raise ValueError(f"{cell} is not a recurrent cell; language models need one, "
                         "see `zoo list --kind recurrent`")

    def network() -> TiedModel:
        return LanguageModel(genotype, data.vocabulary_size, recipe.hidden, recipe.hidden,
                             **recipe.dropouts())

    folder = Path(directory)
    config = {"cell": cell, "genotype": str(genotype), **(source or {})} | run_config(
        data, recipe, seed, device, precision)
    with distributed.group(pick_device(device)), at_work(folder):
        if manifest := distributed.first(
                lambda: trainer.finished(folder, config, resume)):
            return manifest
        model, facts = fit(network, data, recipe, folder, config, seed=seed, device=device,
                           threads=threads, resume=resume, report=report, events=events)
        assert isinstance(model, LanguageModel)
        return distributed.first(lambda: _finish(folder, cell, genotype, data, model, facts))


def fit(network: Callable[[], TiedModel], data: TextData, recipe: LanguageRecipe, folder: Path,
        config: dict, *, seed: int = 0, device: str = "auto", threads: int | None = None,
        resume: bool = False, report: Report | None = None, events: bool = False
        ) -> tuple[TiedModel, dict]:
    """Train the model that `network()` builds; return it in eval mode on the CPU, with metrics.

    `folder` holds the run; `config` describes it and includes `run_config`.  Raises as `train`
    does.
    """
    trainer.check_seed(seed)
    check_threads(threads)
    with distributed.group(pick_device(device)) as place:
        task = LanguageTask(network, data.train, recipe, place, valid=data.valid, by=data.by)
        trained = trainer.fit(task, folder, config, seed=seed, device=place,
                              dtype=getattr(torch, config["precision"]), threads=threads,
                              resume=resume, report=report, events=events)
        model = trained.result()
        assert isinstance(model, TiedModel)
        facts = distributed.first(lambda: measures(model, data, recipe.test_columns))
    return model.cpu().eval(), facts | {
        "data": data.name, "tokens": len(data.test), "test_columns": recipe.test_columns,
        "best_epoch": trained.best_epoch, "epochs": recipe.epochs, "seed": seed,
        "hardware": hardware(place, distributed.size()), "seconds": round(trained.seconds)}


def run_config(data: TextData, recipe: LanguageRecipe, seed: int, device: str = "auto",
               precision: str = "auto") -> dict:
    """The entries of config.json that do not depend on the network."""
    dtype = pick_precision(precision, pick_device(device), recipe.precision)
    return {"network": "language", "data": data.name, "by": data.by,
            "data_sha256": fingerprint(data), "seed": seed,
            "precision": str(dtype).removeprefix("torch."), "recipe": dataclasses.asdict(recipe)}


def fingerprint(data: TextData) -> str:
    """sha256 of the vocabulary, training and validation text, which a resumed run must match."""
    digest = hashlib.sha256(json.dumps(data.vocabulary).encode())
    for ids in (data.train, data.valid):
        digest.update(ids.tobytes())
    return digest.hexdigest()


def _finish(folder: Path, cell: str, genotype: Genotype, data: TextData, model: LanguageModel,
            facts: dict) -> Manifest:
    """Turn the run folder into an artifact."""
    write_whole(folder / VOCABULARY, json_bytes(data.vocabulary))
    return run_folder.finish(folder, model, genotype, Manifest(
        name=plain_name(f"{cell}-{data.name}"), genotype=cell, **origin_lines(cell, genotype),
        task="language-model-step", network=Network(kind="language", **model.settings),
        input=Input(name="tokens", range=None, data=data.name,
                    unit="word" if data.by == "word" else "char"),
        trained=True, metrics=facts,
        parameters=sum(value.numel() for value in model.parameters()),
        tools={"genotype-zoo": zoo.__version__, "torch": torch.__version__}))
