"""One loop for every strategy: a folder, a lock, checkpoints, a history, and a genotype at the end.

A run that is killed at any moment and resumed ends with the same history and genotype as one
that is not: an epoch depends on the checkpoint and its own number, and a row counts only when the
checkpoint after it is written.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout

import zoo
from search import build, collapse, distributed
from search.history import CONFIG, HISTORY, RESULT, SECONDS, read_run
from search.report import write_report
from search.strategy import Report, Strategy, silent
from search.tensorboard import Events
from zoo import registry, run_folder
from zoo.artifact import json_bytes
from zoo.genotype import Genotype, from_dict, to_json
from zoo.run_folder import RunError, append_line, keep_lines, write_whole

LOCK, GENOTYPE = "lock", "genotype.json"


@dataclass(frozen=True)
class Found:
    """What a run has found: a genotype, of which epoch and why, and its name in the zoo."""

    folder: Path
    genotype: Genotype
    epoch: int
    why: str
    name: str


def start(folder: Path, config: dict) -> None:
    """Make `folder` ready for a new run.  Raises RunError if it holds anything already."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise RunError(f"{folder} exists and is not a folder; choose another with -o")
    if (folder / CONFIG).exists():
        raise RunError(f"{folder} holds a search already; go on with `search resume {folder}`, or "
                       "choose another folder with -o")
    if folder.exists() and any(folder.iterdir()):
        raise RunError(f"{folder} is not empty and no search run, so it is left alone; choose "
                       "another folder with -o")
    folder.mkdir(parents=True, exist_ok=True)
    versions = {"genotype-zoo": zoo.__version__, "torch": torch.__version__}
    write_whole(folder / CONFIG, json_bytes(config | {"versions": versions}))


def run(folder: Path, data=None, workers: int | str | None = None, early_stop: bool = False,
        report: Report = silent, told: Callable[[str, object], None] = lambda what, value: None
        ) -> Found:
    """Carry out, or go on with, the run in `folder`, and register what it finds.

    `data` is read from where the run's settings say when left out.  With `early_stop` the run
    ends when three epochs on end show a collapse.  `told("strategy", strategy)` is called before
    the first step, `told("row", row)` after each epoch.

    Raises RunError for a folder that holds no run, is used by another process or is damaged,
    DivergedError for a loss that is no number, DataError.
    """
    config = read_run(folder).config
    with _alone(folder):
        done = read_run(folder)
        if done.result is not None:
            return _found(folder, done.result)
        if torch.get_num_threads() != config["threads"]:
            torch.set_num_threads(config["threads"])  # sums in another order are other sums
        if data is None:
            data = build.load_data(config["space"], config["data"],
                                   Path(config["path"]) if config["path"] else None,
                                   config["size"], config["by"])
        if build.fingerprint(config["space"], data) != config["data_sha256"]:
            raise RunError(f"{folder} was started with other data than what is at "
                           f"{config['path'] or config['data']} now; put that back, or search "
                           "into another folder with -o")
        with build.strategy(config, data, folder, workers) as strategy:
            rows = _epochs(folder, strategy, early_stop, report, told)
        if distributed.rank():
            return Found(folder, from_dict(rows[-1]["genotype"]), len(rows), "", "")
        return _finish(folder, config, rows)


def _epochs(folder: Path, strategy: Strategy, early_stop: bool, report: Report, told
            ) -> list[dict]:
    writes = distributed.rank() == 0
    first = _restore(folder, strategy)
    rows = list(read_run(folder).rows)[:first]
    if writes:
        keep_lines(folder / HISTORY, first)
        keep_lines(folder / SECONDS, first)
    told("strategy", strategy)
    events = Events(folder, rows) if writes else None
    try:
        for number in range(first + 1, strategy.epochs + 1):
            if early_stop and collapse.persists(rows):
                break
            began = time.perf_counter()
            row = json.loads(json.dumps(strategy.epoch(number, report)))
            seconds = round(time.perf_counter() - began, 3)
            rows.append(row)
            if writes:
                append_line(folder / HISTORY, row)
                append_line(folder / SECONDS, {"epoch": number, "seconds": seconds})
                run_folder.save_checkpoint(folder, {"epoch": number} | strategy.state_dict())
                events.add(row, seconds)
                write_report(folder)
            told("row", row)
    finally:
        if events:
            events.close()
    return rows


def _restore(folder: Path, strategy: Strategy) -> int:
    """Go back to the checkpoint, if there is one: the number of epochs done."""
    state = run_folder.load_checkpoint(folder, "epoch")
    if state is None:
        return 0
    try:
        strategy.load_state_dict(state)
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError):
        raise RunError(f"{folder / run_folder.CHECKPOINT} is damaged or of another version; search "
                       "anew into another folder with -o (the history is kept)") from None
    if len(read_run(folder).rows) < state["epoch"]:
        raise RunError(f"{folder / HISTORY} lacks rows of epochs that are done; search anew into "
                       "another folder with -o")
    return state["epoch"]


@contextlib.contextmanager
def _alone(folder: Path):
    """Hold the lock of the run, which the system releases however the process ends."""
    if distributed.is_started():  # torchrun's processes share one run
        yield
        return
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout:
        raise RunError(f"another process is at work on {folder}; wait for it, or search into "
                       "another folder with -o") from None


# --- the end ----------------------------------------------------------------------------------


def _finish(folder: Path, config: dict, rows: list[dict]) -> Found:
    epoch, why = choose(rows)
    row = rows[epoch - 1]
    genotype = from_dict(row["genotype"])
    write_whole(folder / GENOTYPE, to_json(genotype).encode())
    name = _register(folder, config, genotype)
    record = read_run(folder)
    metric = f"valid_{record.metric}"
    result = {"name": name, "chosen_epoch": epoch, "why": why, "epochs": len(rows),
              "cost": rows[-1]["cost"], "seconds": record.total_seconds, metric: row.get(metric)}
    write_whole(folder / RESULT, json_bytes(result))
    write_report(folder)
    return _found(folder, result)


def choose(rows: list[dict]) -> tuple[int, str]:
    """The epoch whose genotype is kept, and why."""
    if "candidates" in rows[-1]:
        return rows[-1]["epoch"], "the best of all candidates"
    return collapse.choose(rows)


def _register(folder: Path, config: dict, genotype: Genotype) -> str:
    """Keep the genotype in the user's zoo; a name that is taken gets a number."""
    order = config["settings"].get("order") if config["strategy"] == "darts" else None
    method = f"{config['strategy']} order {order}" if order else config["strategy"]
    source = (f"search run {folder.name}: {method} on {config['data']}, seed {config['seed']}")
    wanted = config.get("name")
    if wanted:
        path = registry.register(wanted, genotype, source, config.get("replace", False))
        return path.stem
    base = f"{config['strategy']}{order or ''}_{config['data']}_{config['seed']}".replace("-", "_")
    name, number = base.upper(), 1
    while True:
        with contextlib.suppress(ValueError):
            return registry.register(name, genotype, source).stem
        known = registry.record(name)
        if known.source == source and known.genotype == genotype:
            return name
        number += 1
        name = f"{base.upper()}_{number}"


def _found(folder: Path, result: dict) -> Found:
    genotype = zoo.parse((folder / GENOTYPE).read_text(encoding="utf-8"))
    return Found(folder, genotype, result["chosen_epoch"], result["why"], result["name"])
