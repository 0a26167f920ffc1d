"""The folder of a training run while it trains: settings, history, checkpoint.

``config.json`` says what is trained, ``history.jsonl`` gets a row an epoch, ``checkpoint.pt``
holds everything that the next epoch depends on, ``best.pt`` the weights of the best epoch where
validation images or text tell which that is, of a language model all that the epoch after it
depends on.  When the run is finished the folder becomes an
artifact (`zoo.artifact.folder`), whose manifest is written last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import pickle
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zoo.artifact.folder import CONFIG, HISTORY, MANIFEST, VOCABULARY, finalize, json_bytes
from zoo.artifact.manifest import Manifest
from zoo.genotypes.serialization import Genotype, to_json
from zoo.recipes.image import Recipe
from zoo.recipes.language import LanguageRecipe
from zoo.system import json_text
from zoo.system.files import sync_names, write_whole
from zoo.system.threads import check_threads
from zoo.weights import WEIGHTS, save_weights

CHECKPOINT, BEST = "checkpoint.pt", "best.pt"
LOCK = "lock"  # see `zoo.runs.run_lock`
DIVERGED = "diverged.txt"  # why the run cannot go on, in one line
# What a kill in the middle of a `write_whole` leaves behind.
_PARTS = {f"{name}.part" for name in (
    CONFIG, HISTORY, CHECKPOINT, BEST, MANIFEST, VOCABULARY, "model.safetensors", "genotype.json",
    "labels.txt")}


_ANEW = "put the right one back, or train anew into another folder with -o"
# The recipe is compared setting by setting; data and weights may have moved.
_NOT_COMPARED = ("recipe", "started_from", "weights_sha256", "path", "size", "weights")


class RunError(ValueError):
    """A folder in which this training cannot start or go on; the message says what to do."""


class DivergedError(ValueError):
    """What is learned or computed is not a number any more."""


def diverged(what: str, learning_rate: float) -> DivergedError:
    """The error of a training in which `what` has happened, with the remedy."""
    return DivergedError(f"{what}; train into a new folder with a smaller --learning-rate (it was "
                         f"{learning_rate})")


_TRAINING = ("training run", {
    MANIFEST: "a finished artifact;",
    DIVERGED: "a training that diverged;",
    CONFIG: "an unfinished training; go on with --resume, or"})


def start(folder: Path, config: dict) -> None:
    """Make `folder` ready for a new training.  Raises RunError if it holds anything already."""
    begin(folder, config, *_TRAINING)


def check_free(folder: Path) -> None:
    """Raise RunError if `folder` holds anything already, so that no training can start there."""
    refuse_used(folder, *_TRAINING)


def begin(folder: Path, config: dict, kind: str, held: Mapping[str, str]) -> None:
    """Make `folder` ready for a run of some `kind`.  Raises RunError as `refuse_used` does."""
    refuse_used(folder, kind, held)
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    write_whole(folder / CONFIG, json_bytes(config))


def refuse_used(folder: Path, kind: str, held: Mapping[str, str]) -> None:
    """Raise RunError if `folder` holds anything already; `held` says what each file is one of."""
    check_is_folder(folder)
    for name, what in held.items():
        if (folder / name).exists():
            raise RunError(f"{folder} holds {what} choose another folder with -o")
    if folder.exists() and any(not _is_part(path) for path in folder.iterdir()):
        raise RunError(f"{folder} is not empty and no {kind}, so it is left alone; choose another "
                       "folder with -o")


def check_is_folder(folder: Path) -> None:
    """Raise RunError where something else than a folder stands at `folder`."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise RunError(f"{folder} exists and is not a folder; choose another with -o")


def read_config(folder: Path, recipe: type[Recipe] | type[LanguageRecipe] = Recipe) -> dict:
    """The settings of the run in `folder`, those that are newer than the run at their defaults.

    `recipe` is the class of the run's recipe; settings that were renamed have today's names.
    Raises RunError when there is none to go on with, or one of another kind of network.
    """
    path = folder / CONFIG
    config: Any = None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(f"{folder} holds no training to resume; leave --resume out") from None
    except ValueError:
        pass  # not JSON
    _check_kind(folder, config, recipe)
    try:
        config["recipe"] = dataclasses.asdict(recipe.read(config["recipe"]))
        for name, kind in (("cell", str), ("data", str), ("data_sha256", str), ("seed", int),
                           ("precision", str)):
            if not isinstance(config[name], kind):
                raise TypeError(name)
        check_threads(config.get("threads"))
    except (KeyError, TypeError, ValueError):
        raise RunError(f"{path} is damaged; train anew into another folder with "
                       "-o") from None
    return config


def threads(folder: Path, recipe: Recipe | LanguageRecipe) -> int:
    """With how many threads of the CPU the run in `folder` began; torch's own number for an older
    run, which does not say.  Raises as `read_config`."""
    return read_config(folder, type(recipe)).get("threads") or torch.get_num_threads()


def _check_kind(folder: Path, config: object, recipe: type) -> None:
    """Raise RunError for a language model where an image network is meant, or the reverse."""
    if not isinstance(config, dict) or not isinstance(config.get("recipe"), dict):
        return
    known = ("a language model" if config.get("network") == "language" else
             "an image network" if "network" in config["recipe"] else None)
    wanted = "an image network" if recipe is Recipe else "a language model"
    if known and known != wanted:
        raise RunError(f"{folder} is a run of {known}, {config.get('cell')}; go on with that cell "
                       "or choose another folder with -o")


def check_same(folder: Path, config: dict) -> None:
    """Make the run in `folder` ready to go on: files half-written when it was killed are removed.

    Raises RunError naming the first setting in which `config` differs from the run's, and for a run
    that has diverged.
    """
    recipe = LanguageRecipe if config.get("network") == "language" else Recipe
    stored: dict[str, Any] = read_config(folder, recipe)
    stored.setdefault("threads", config.get("threads"))  # which older runs lack
    if stored["data"] == config["data"] and stored["data_sha256"] != config["data_sha256"]:
        what, options = (("other training images", "--path and --size") if recipe is Recipe
                         else ("another text", "--data, --path and --by"))
        raise RunError(f"{folder} was started with {what}; give the same {options} or choose "
                       "another folder with -o")
    if stored.get("weights_sha256") != config.get("weights_sha256"):
        raise RunError(f"{folder} was started from other weights "
                       f"({stored.get('started_from') or 'random ones'}); give the same --weights "
                       "or choose another folder with -o")
    pairs = [(name, stored.get(name), value) for name, value in config.items()
             if name not in _NOT_COMPARED]
    pairs += [(name, stored["recipe"].get(name), value)
              for name, value in config["recipe"].items()]
    for name, before, now in pairs:
        if before != now:
            raise RunError(f"{folder} was started with {name} {before}, not {now}; go on with the "
                           "same settings or choose another folder with -o")
    refuse_diverged(folder)
    _sweep(folder)


def refuse_diverged(folder: Path) -> None:
    """Raise RunError, with what went wrong, for a run that has diverged: it would do so again."""
    if (folder / DIVERGED).exists():
        why = (folder / DIVERGED).read_text(encoding="utf-8", errors="replace")
        raise RunError(f"{folder} has diverged and would do so again: {' '.join(why.split())}")


def save_checkpoint(folder: Path, state: dict, name: str = CHECKPOINT) -> None:
    """Replace a checkpoint in one step: a kill leaves the old one or the new one.

    Raises OSError when the disk is full.
    """
    content = io.BytesIO()  # torch.save on a path calls a full disk a RuntimeError
    torch.save(state, content)
    write_whole(folder / name, content.getbuffer())


def load_checkpoint(folder: Path, *keys: str, name: str = CHECKPOINT) -> dict | None:
    """A checkpoint on the CPU, the last one unless `name` says another; None if there is none.

    Raises RunError when the file is damaged or lacks one of `keys`; nothing in it is ever
    executed.
    """
    path = folder / name
    if not path.exists():
        return None
    with reading(path):
        state = torch.load(path, map_location="cpu", weights_only=True)
        for key in keys:
            state[key]
        return state


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever is raised on a checkpoint that holds something else as a RunError that names it: on
    reading it, and on filling what trains from it."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (pickle.UnpicklingError, OSError, RuntimeError, EOFError, ValueError, LookupError,
            AttributeError, TypeError, AssertionError, struct.error):
        raise RunError(f"{path} is damaged; begin anew in another folder with -o") from None


def keep_best(folder: Path, measure: str, better: Callable[[float, float], bool],
              state: dict) -> None:
    """Write `state`, of which "model" and `measure` are parts, to best.pt, unless what is there
    is as good: `better` (operator.lt or gt) compares the two by `measure`."""
    # The file says what it holds: a kill may come between it and the checkpoint.
    best = load_checkpoint(folder, measure, "model", name=BEST)
    if best is None or better(state[measure], best[measure]):
        save_checkpoint(folder, state, BEST)


def load_best(folder: Path, *keys: str) -> dict:
    """What `keep_best` wrote.  Raises RunError when it is gone, damaged or lacks one of `keys`."""
    best = load_checkpoint(folder, *keys, name=BEST)
    if best is None:
        raise RunError(f"{folder / BEST} is gone; begin anew in another folder with -o")
    return best


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """The states of torch's generators that a training on `device` draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_states(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Go back to what `random_states` gave."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


def append_line(path: Path, row: dict) -> None:
    """Add a row to a file of JSON lines, and see it on the disk."""
    append_text(path, json_text.dumps(row) + "\n")


def append_text(path: Path, text: str) -> None:
    """Add text to a file, and see it on the disk."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def check_history(path: Path, count: int) -> None:
    """Raise RunError unless the first `count` lines are the rows of epochs 1 to `count`."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    if len(lines) < count:
        raise RunError(f"{path} lacks rows of epochs that are done; {_ANEW}")
    for number, line in enumerate(lines[:count], start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):  # bytes that are no text, too
            row = None
        if not isinstance(row, dict) or row.get("epoch") != number:
            raise RunError(f"{path} is damaged (line {number} is not the row of epoch {number}); "
                           f"{_ANEW}")


def keep_lines(path: Path, count: int) -> None:
    """Keep the first `count` lines: a kill may come between a row and its checkpoint."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    write_whole(path, b"".join(lines[:count]))


def abandon(folder: Path) -> None:
    """Take back `start`, where no epoch is kept yet: another run may begin in the folder."""
    if not (folder / CHECKPOINT).exists():
        for name in (CONFIG, HISTORY, BEST, DIVERGED):
            (folder / name).unlink(missing_ok=True)
        _sweep(folder)


def finish(folder: Path, model: nn.Module, genotype: Genotype, manifest: Manifest) -> Manifest:
    """Make the folder of a run an artifact; its manifest, with the checksums of its files."""
    save_weights(model, folder / WEIGHTS)
    write_whole(folder / "genotype.json", to_json(genotype).encode())
    manifest = finalize(folder, manifest, leaving_out={CHECKPOINT, BEST, LOCK})
    clean(folder)
    return manifest


def clean(folder: Path) -> None:
    """Remove what only a running training needs; comes after the manifest is written."""
    sync_names(folder)  # the manifest must outlast a power cut before the checkpoint goes
    for name in (CHECKPOINT, BEST):
        (folder / name).unlink(missing_ok=True)
    _sweep(folder)


def _is_part(path: Path) -> bool:
    return path.name in {*_PARTS, LOCK} and path.is_file() and not path.is_symlink()


def _sweep(folder: Path) -> None:
    """Remove half-written files of ours, no others."""
    for path in filter(_is_part, list(folder.iterdir())):
        if path.name != LOCK:  # that of this process
            path.unlink(missing_ok=True)
