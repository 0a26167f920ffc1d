"""From the settings of a run (`config.json`) to the strategy that carries it out."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import torch

from search.settings import PRESETS, check_preset, preset
from search.strategies import Entry, entry
from search.strategies.base import Strategy
from zoo.spelling import did_you_mean
from zoo.system import distributed
from zoo.system.device import pick_device, pick_precision

_SETTINGS = {space: type(presets["paper"]) for space, presets in PRESETS.items()}


@dataclasses.dataclass
class SearchOptions:
    """What a user asked for; None where nothing was said."""

    strategy: str = "darts"
    space: str | None = None
    data: str | None = None
    path: Path | None = None
    size: int | None = None
    by: str | None = None
    preset: str | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    budget: int | None = None
    changes: dict = dataclasses.field(default_factory=dict)  # of settings, by their names


def config_of(wanted: SearchOptions, workers: int | str | None = None) -> tuple[dict, object]:
    """The settings of a run as they are stored, and its data set.

    Everything is built once, so that nothing is begun that cannot go on.  Raises ValueError for
    what does not go together, DataError for data that cannot be read or searched on.
    """
    found = entry(wanted.strategy)
    space = wanted.space or found.spaces[0]
    if space not in found.spaces:
        raise ValueError(f"{wanted.strategy} searches the {' or '.join(found.spaces)} space, not "
                         f"{space!r}; {did_you_mean(space, found.spaces)}choose one with --space")
    if not 0 <= wanted.seed < 2**63:
        raise ValueError(f"the seed must be a whole number from 0 to 2^63 - 1, not {wanted.seed}")
    name = wanted.data or ("sample" if space == "recurrent" else "digits")
    chosen = wanted.preset or ("quick" if name in ("digits", "sample") else "paper")
    settings, training = _settings(found, space, chosen, name, wanted.changes)
    data = load_data(space, name, wanted.path, wanted.size, wanted.by)
    device = pick_device(wanted.device)
    config = {
        "strategy": wanted.strategy, "space": space, "data": name,
        "path": str(wanted.path.resolve()) if wanted.path else None,
        "size": wanted.size, "by": wanted.by, "preset": chosen, "seed": wanted.seed,
        "device": device.type, "precision": str(pick_precision(wanted.precision, device)
                                                ).removeprefix("torch."),
        "threads": torch.get_num_threads(), "processes": distributed.size(),
        "settings": settings, "training": training, "budget": wanted.budget,
        "data_sha256": fingerprint(space, data),
    }
    if found.shares_weights and wanted.budget is not None:
        config["settings"] = _within(config, data)
    config["epochs"] = _rehearse(config, data, workers)
    return config, data


def load_data(space: str, name: str, path: Path | None, size: int | None, by: str | None):
    """The images or the text `name`.  Raises DataError."""
    if space == "recurrent":
        from zoo.data.text import load_text

        if size is not None:
            raise ValueError("--size is for images; a text has none")
        return load_text(name, path, by)
    from zoo.data.images import load

    if by is not None:
        raise ValueError("--by is for texts; images are read whole")
    return load(name, path, size)


def _settings(found: Entry, space: str, chosen: str, data: str, changes: dict
              ) -> tuple[dict, dict | None]:
    """The strategy's settings, and those of each candidate's training where it trains them."""
    for name in found.unused:
        if changes.get(name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} is not a setting of this strategy; "
                             "leave it out")
    if found.shares_weights:
        settings = preset(space, chosen).but(**(found.changes or {}).get(chosen, {}))
        if space == "conv" and chosen == "quick" and data != "digits":
            settings = settings.but(crop_padding=4, flip=True)  # as photographs may be
        return dataclasses.asdict(settings.but(**changes)), None
    _, module = found.load()
    check_preset(chosen, module.PRESETS)
    settings = module.PRESETS[chosen]
    training = _training_recipe(space, chosen, data)
    fields = {part: {field.name for field in dataclasses.fields(part)}
              for part in (type(settings), type(training))}
    own, theirs = {}, {}
    for name, value in changes.items():
        if value is None:
            continue
        if name in fields[type(settings)]:
            own[name] = value
        elif name in fields[type(training)]:
            theirs[name] = value
        else:
            raise ValueError(f"--{name.replace('_', '-')} is not a setting of this strategy; "
                             "leave it out")
    return (dataclasses.asdict(dataclasses.replace(settings, **own)),
            dataclasses.asdict(dataclasses.replace(training, **theirs)))


def _training_recipe(space: str, chosen: str, data: str):
    if space == "recurrent":
        from search.candidates.text import TEXT_RECIPES

        return TEXT_RECIPES[chosen]
    from search.candidates.image import image_recipe

    return image_recipe(chosen, data, space == "hierarchical")


def _within(config: dict, data) -> dict:
    """As many epochs as the budget pays for."""
    settings = settings_of(config)
    share = (settings.train_share * len(data.train.labels) if config["space"] == "conv"
             else len(data.train))
    epochs = int(config["budget"] // share)
    if epochs < 1:
        raise ValueError(f"a budget of {config['budget']:,} does not pay for one epoch, which "
                         f"costs {int(share):,}; raise it")
    return dataclasses.asdict(settings.but(epochs=epochs))


def _rehearse(config: dict, data, workers: int | str | None) -> int:
    """Build the strategy as the run will, its networks without memory; the rows it will have."""
    found = entry(config["strategy"])
    if found.shares_weights:
        settings = settings_of(config)
        _check_share(settings)
        task = _task(config["space"])(data, settings, torch.device("meta"), config["seed"],
                                      (distributed.rank(), distributed.size()))
        return found.load()[0](task, settings, config["seed"]).epochs
    with _sampling(config, data, Path(), workers) as built:
        return built.epochs


def settings_of(config: dict):
    """The settings of a run's strategy.  Raises TypeError or ValueError for damaged ones."""
    found = entry(config["strategy"])
    kind = (_SETTINGS[config["space"]] if found.shares_weights
            else type(next(iter(found.load()[1].PRESETS.values()))))
    return kind(**_tuples(config["settings"]))


def _check_share(settings) -> None:
    if settings.batch_size % distributed.size():
        raise ValueError(f"a batch of {settings.batch_size} cannot be shared by "
                         f"{distributed.size()} processes; take a multiple with --batch-size")


def _tuples(settings: dict) -> dict:
    """JSON has lists where the settings have pairs."""
    return {name: tuple(value) if isinstance(value, list) else value
            for name, value in settings.items()}


def fingerprint(space: str, data) -> str:
    """sha256 of the training data: a run goes on only with what it began with."""
    if space == "recurrent":
        return hashlib.sha256(data.train.tobytes() + data.valid.tobytes()).hexdigest()
    digest = hashlib.sha256(data.train.images.tobytes())
    digest.update(data.train.labels.tobytes())
    return digest.hexdigest()


@contextlib.contextmanager
def strategy(config: dict, data, folder: Path, workers: int | str | None = None
             ) -> Iterator[Strategy]:
    """The strategy of a run in `folder`, ready for its first epoch."""
    found = entry(config["strategy"])
    if not found.shares_weights:
        with _sampling(config, data, folder, workers) as built:
            yield built
        return
    with distributed.group(pick_device(config["device"])) as device:
        settings, seed = settings_of(config), config["seed"]
        _check_share(settings)
        task = _task(config["space"])(data, settings, device, seed,
                                      (distributed.rank(), distributed.size()))
        yield found.load()[0](task, settings, seed, getattr(torch, config["precision"]))


@contextlib.contextmanager
def _sampling(config: dict, data, folder: Path, workers: int | str | None) -> Iterator[Strategy]:
    if distributed.is_started():
        raise ValueError(f"{config['strategy']} trains candidates in parallel by --workers; start "
                         "it without torchrun")
    build, _ = entry(config["strategy"]).load()
    with _evaluator(config, data, folder, workers) as evaluator:
        yield build(_space(config["space"]), evaluator, settings_of(config), config["seed"],
                    config["budget"])


def _task(space: str):
    if space == "recurrent":
        from search.tasks.text import TextTask

        return TextTask
    from search.tasks.image import ImageTask

    return ImageTask


def _space(space: str):
    from search.spaces.space import ConvSpace, RecurrentSpace

    if space == "hierarchical":
        from search.spaces.hierarchical import HierarchicalSpace

        return HierarchicalSpace()
    return ConvSpace() if space == "conv" else RecurrentSpace()


def _evaluator(config: dict, data, folder: Path, workers: int | str | None):
    from search.candidates.workers import Evaluator

    if config["space"] == "recurrent":
        from search.candidates.text import TextRecipe, TextTraining

        training = TextTraining(data, TextRecipe(**config["training"]), config["device"])
    else:
        from search.candidates.image import ImageTraining, held_out
        from search.tasks.image import check_images
        from zoo.recipes.image import Recipe

        check_images(data)
        training = ImageTraining(held_out(data, config["seed"]), Recipe(**config["training"]),
                                 config["device"])
    return Evaluator(training, folder / "candidates", workers)
