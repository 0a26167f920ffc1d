"""The folder of a training run: settings, history, checkpoints.

``config.json`` holds the settings, ``history.jsonl`` one row per epoch, ``checkpoint.pt``
everything that the next epoch depends on.  With validation data ``best.pt`` holds the weights of
the best epoch, for a language model its whole training state.  A finished run becomes an artifact
(`zoo.artifact.folder`), whose manifest is written last.
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

from zoo.artifact.folder import finalize, json_bytes
from zoo.artifact.manifest import Manifest
from zoo.artifact.names import CONFIG, GENOTYPE, HISTORY, LABELS, MANIFEST, VOCABULARY
from zoo.genotypes.serialization import Genotype, to_json
from zoo.recipes.image import Recipe
from zoo.recipes.language import LanguageRecipe
from zoo.runs.run_state import DIVERGED, LOCK, why_diverged
from zoo.system import json_text
from zoo.system.files import sync_names, write_whole
from zoo.system.threads import check_threads
from zoo.weights import WEIGHTS, save_weights

CHECKPOINT, BEST = "checkpoint.pt", "best.pt"
# Files that a killed `write_whole` leaves behind.
_PARTS = {f"{name}.part" for name in (
    CONFIG, HISTORY, CHECKPOINT, BEST, MANIFEST, VOCABULARY, WEIGHTS, GENOTYPE, LABELS)}


_RESTORE = "restore it, or train into another folder with -o"
# The recipe is compared setting by setting; data and weights may have moved.
_NOT_COMPARED = ("recipe", "started_from", "weights_sha256", "path", "size", "weights")


class RunError(ValueError):
    """A folder in which a run cannot start or resume; the message has the remedy."""


class DivergedError(ValueError):
    """A loss or an output that is infinite or NaN."""


def diverged(what: str, learning_rate: float) -> DivergedError:
    """The error for a diverged training; `what` describes the symptom."""
    return DivergedError(f"{what}; train into a new folder with a smaller --learning-rate (it was "
                         f"{learning_rate})")


_TRAINING = ("training run", {
    MANIFEST: "a finished artifact;",
    DIVERGED: "a training that diverged;",
    CONFIG: "an unfinished training; continue it with --resume, or"})


def start(folder: Path, config: dict) -> None:
    """Prepare `folder` for a new training.  Raises RunError unless it is empty."""
    begin(folder, config, *_TRAINING)


def check_free(folder: Path) -> None:
    """Raise RunError unless `folder` is empty or missing, as a new training needs it."""
    refuse_used(folder, *_TRAINING)


def begin(folder: Path, config: dict, kind: str, held: Mapping[str, str]) -> None:
    """Prepare `folder` for a run of some `kind`.  Raises RunError as `refuse_used` does."""
    refuse_used(folder, kind, held)
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    write_whole(folder / CONFIG, json_bytes(config))


def refuse_used(folder: Path, kind: str, held: Mapping[str, str]) -> None:
    """Raise RunError unless `folder` is empty; `held` says what a file in it belongs to."""
    check_is_folder(folder)
    for name, what in held.items():
        if (folder / name).exists():
            raise RunError(f"{folder} holds {what} choose another folder with -o")
    if folder.exists() and any(not _is_part(path) for path in folder.iterdir()):
        raise RunError(f"{folder} is not empty and not a {kind}; choose another folder with -o")


def check_is_folder(folder: Path) -> None:
    """Raise RunError if `folder` exists and is not a folder."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise RunError(f"{folder} exists and is not a folder; choose another with -o")


def read_config(folder: Path, recipe: type[Recipe] | type[LanguageRecipe] = Recipe) -> dict:
    """The settings of the run in `folder`, with defaults for settings newer than the run.

    `recipe` is the class of the run's recipe; renamed settings have their current names.
    Raises RunError if there is no run to resume, or one of another kind of network.
    """
    path = folder / CONFIG
    config: Any = None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(f"{folder} holds no training to resume; omit --resume") from None
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
        raise RunError(f"{path} is damaged; train into another folder with -o") from None
    return config


def threads(folder: Path, recipe: Recipe | LanguageRecipe) -> int:
    """The number of CPU threads of the run in `folder`; for an older run, which does not store it,
    torch's default.  Raises as `read_config` does."""
    return read_config(folder, type(recipe)).get("threads") or torch.get_num_threads()


def _check_kind(folder: Path, config: object, recipe: type) -> None:
    """Raise RunError for a language model instead of an image network, or the reverse."""
    if not isinstance(config, dict) or not isinstance(config.get("recipe"), dict):
        return
    actual = ("a language model" if config.get("network") == "language" else
              "an image network" if "network" in config["recipe"] else None)
    expected = "an image network" if recipe is Recipe else "a language model"
    if actual and actual != expected:
        raise RunError(f"{folder} is a run of {actual}, {config.get('cell')}; resume it with that "
                       "cell or choose another folder with -o")


def check_same(folder: Path, config: dict) -> None:
    """Prepare the run in `folder` to be resumed with `config`; removes half-written files.

    Raises RunError, naming the first setting that differs, and for a run that has diverged.
    """
    recipe = LanguageRecipe if config.get("network") == "language" else Recipe
    stored: dict[str, Any] = read_config(folder, recipe)
    stored.setdefault("threads", config.get("threads"))  # missing in older runs
    if stored["data"] == config["data"] and stored["data_sha256"] != config["data_sha256"]:
        what, options = (("other training images", "--path and --size") if recipe is Recipe
                         else ("another text", "--data, --path and --by"))
        raise RunError(f"{folder} was started with {what}; give the same {options} or choose "
                       "another folder with -o")
    if stored.get("weights_sha256") != config.get("weights_sha256"):
        raise RunError(f"{folder} was started from other weights "
                       f"({stored.get('started_from') or 'random'}); give the same --weights "
                       "or choose another folder with -o")
    pairs = [(name, stored.get(name), value) for name, value in config.items()
             if name not in _NOT_COMPARED]
    pairs += [(name, stored["recipe"].get(name), value)
              for name, value in config["recipe"].items()]
    for name, before, now in pairs:
        if before != now:
            raise RunError(f"{folder} was started with {name} {before}, not {now}; give the same "
                           "settings or choose another folder with -o")
    refuse_diverged(folder)
    _sweep(folder)


def refuse_diverged(folder: Path) -> None:
    """Raise RunError, with the reason, for a run that has diverged, since it would do so again."""
    if (why := why_diverged(folder)) is not None:
        raise RunError(f"{folder} has diverged and would do so again: {why}")


def save_checkpoint(folder: Path, state: dict, name: str = CHECKPOINT) -> None:
    """Replace a checkpoint atomically: a kill leaves the old or the new one.

    Raises OSError if the disk is full.
    """
    content = io.BytesIO()  # torch.save to a path raises RuntimeError on a full disk
    torch.save(state, content)
    write_whole(folder / name, content.getbuffer())


def load_checkpoint(folder: Path, *keys: str, name: str = CHECKPOINT) -> dict | None:
    """Load a checkpoint on the CPU, by default the last; None if there is none.

    Raises RunError if the file is damaged or lacks one of `keys`.  Never executes code from it.
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
    """Turn the errors of reading or loading a damaged checkpoint into a RunError that names it."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (pickle.UnpicklingError, OSError, RuntimeError, EOFError, ValueError, LookupError,
            AttributeError, TypeError, AssertionError, struct.error):
        raise RunError(f"{path} is damaged; start over in another folder with -o") from None


def keep_best(folder: Path, measure: str, better: Callable[[float, float], bool],
              state: dict) -> None:
    """Write `state`, which has the keys "model" and `measure`, to best.pt if it is `better`
    (operator.lt or gt) by `measure` than the state in the file."""
    # Compared with the file itself, since a kill may come between it and the checkpoint.
    best = load_checkpoint(folder, measure, "model", name=BEST)
    if best is None or better(state[measure], best[measure]):
        save_checkpoint(folder, state, BEST)


def load_best(folder: Path, *keys: str) -> dict:
    """Load the file of `keep_best`.  Raises RunError if it is missing, damaged or lacks a key."""
    best = load_checkpoint(folder, *keys, name=BEST)
    if best is None:
        raise RunError(f"{folder / BEST} is missing; start over in another folder with -o")
    return best


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """The states of the torch generators that a training on `device` uses."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_states(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Restore the states of `random_states`."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


def append_line(path: Path, row: dict) -> None:
    """Append a row to a file of JSON lines and flush it to disk."""
    append_text(path, json_text.dumps(row) + "\n")


def append_text(path: Path, text: str) -> None:
    """Append text to a file and flush it to disk."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def check_history(path: Path, count: int) -> None:
    """Raise RunError unless the first `count` lines are the rows of epochs 1 to `count`."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    if len(lines) < count:
        raise RunError(f"{path} lacks rows of finished epochs; {_RESTORE}")
    for number, line in enumerate(lines[:count], start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):  # includes bytes that are not text
            row = None
        if not isinstance(row, dict) or row.get("epoch") != number:
            raise RunError(f"{path} is damaged (line {number} is not the row of epoch {number}); "
                           f"{_RESTORE}")


def keep_lines(path: Path, count: int) -> None:
    """Truncate to `count` lines, since a kill may come between a row and its checkpoint."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    write_whole(path, b"".join(lines[:count]))


def abandon(folder: Path) -> None:
    """Undo `start` if there is no checkpoint yet, so that another run can use the folder."""
    if not (folder / CHECKPOINT).exists():
        for name in (CONFIG, HISTORY, BEST, DIVERGED):
            (folder / name).unlink(missing_ok=True)
        _sweep(folder)


def finish(folder: Path, model: nn.Module, genotype: Genotype, manifest: Manifest) -> Manifest:
    """Turn the folder of a run into an artifact; return its manifest with file checksums."""
    save_weights(model, folder / WEIGHTS)
    write_whole(folder / GENOTYPE, to_json(genotype).encode())
    manifest = finalize(folder, manifest, leaving_out={CHECKPOINT, BEST, LOCK})
    clean(folder)
    return manifest


def clean(folder: Path) -> None:
    """Remove the files that only a running training needs, after the manifest is written."""
    sync_names(folder)  # the manifest must be on disk before the checkpoint is removed
    for name in (CHECKPOINT, BEST):
        (folder / name).unlink(missing_ok=True)
    _sweep(folder)


def _is_part(path: Path) -> bool:
    return path.name in {*_PARTS, LOCK} and path.is_file() and not path.is_symlink()


def _sweep(folder: Path) -> None:
    """Remove half-written files of a run, and nothing else."""
    for path in filter(_is_part, list(folder.iterdir())):
        if path.name != LOCK:  # held by this process
            path.unlink(missing_ok=True)
