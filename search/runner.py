"""One loop for every strategy: a folder, a lock, checkpoints, a history, and a genotype at the end.

A run that is killed at any moment and resumed ends with the same history and genotype as one
that is not: an epoch depends on the checkpoint and its own number, and a row counts only when the
checkpoint after it is written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

import zoo
from search import build
from search.config import RunConfig
from search.progress import Report, silent
from search.reporting.history import CONFIG, GENOTYPE, HISTORY, RESULT, SECONDS, read_run
from search.reporting.report import write_report
from search.reporting.tensorboard import Events
from search.spaces import collapse
from search.strategies.base import Strategy
from zoo import registry
from zoo.artifact.folder import json_bytes
from zoo.genotypes.serialization import Genotype, from_dict, to_json
from zoo.system import distributed
from zoo.system.device import pick_device
from zoo.system.files import write_whole
from zoo.training import run_folder
from zoo.training.run_folder import RunError, append_line, keep_lines

LOCK = "lock"
#: Called with "done" and the epochs that are behind the run and "strategy" before the first
#: step, with "row" after each epoch.
OnEvent = Callable[[str, Any], None]


@dataclass(frozen=True)
class SearchResult:
    """What a run has found: a genotype, of which epoch and why, and its name in the zoo."""

    folder: Path
    genotype: Genotype
    epoch: int
    why: str
    name: str


def start(folder: Path, config: RunConfig) -> None:
    """Make `folder` ready for a run of `config` (see `search.config.plan`).

    What is found will be registered as `config.name`, or by what it is.
    Raises RunError if the folder holds anything already.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise RunError(f"{folder} exists and is not a folder; choose another with -o")
    if (folder / CONFIG).exists():
        raise RunError(f"{folder} holds a search already; go on with `search resume {folder}`, or "
                       "choose another folder with -o")
    if folder.exists() and any(path.name != f"{CONFIG}.part" for path in folder.iterdir()):
        raise RunError(f"{folder} is not empty and no search run, so it is left alone; choose "
                       "another folder with -o")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / CONFIG, json_bytes(dataclasses.asdict(config)))


def run(folder: Path, data: Any = None, workers: int | str | None = None,
        early_stop: bool = False, report: Report = silent,
        on_event: OnEvent = lambda what, value: None) -> SearchResult:
    """Carry out, or go on with, the run in `folder`, and register what it finds.

    `data` is read from where the run's settings say when left out.  With `early_stop` the run
    ends when three epochs on end show a collapse.

    Raises RunError for a folder that holds no run, is used by another process, is damaged or
    cannot be written, DivergedError for a loss that is NaN or infinite, DataError.
    """
    record = read_run(folder)
    if record.result is not None:
        return _result(folder, record.result)
    with distributed.group(pick_device(str(record.config.get("device", "auto")))):
        config = distributed.first(lambda: _checked(folder, record.config))
        with _disk_errors_in_one_line(folder), _alone(folder), _threads(config.threads):
            if data is None:
                data = config.load_data()
            if config.domain.fingerprint(data) != config.data_sha256:
                raise RunError(f"{folder} was started with other data than what is at "
                               f"{config.path or config.data} now; put that back, or search "
                               "into another folder with -o")
            with build.strategy(config, data, folder, workers) as strategy:
                rows = _epochs(folder, config, strategy, early_stop or config.early_stop, report,
                               on_event)
            return distributed.first(lambda: _finish(folder, config, rows))


def _checked(folder: Path, values: dict) -> RunConfig:
    """What `start` has written.  Raises RunError for a damaged file and other processes."""
    try:
        config = RunConfig.read(values)
    except (TypeError, ValueError):
        raise RunError(f"{folder / CONFIG} is damaged; search anew into another folder with "
                       "-o") from None
    begun, now = config.processes, distributed.size()
    if begun != now:
        remedy = f"with torchrun --nproc-per-node {begun}" if begun > 1 else "without torchrun"
        raise RunError(f"{folder} was begun by {begun} process{'es' * (begun > 1)}, and the sums "
                       f"of {now} would be others; resume it {remedy}")
    return config


def _epochs(folder: Path, config: RunConfig, strategy: Strategy, early_stop: bool,
            report: Report, on_event: OnEvent) -> list[dict]:
    writes = distributed.is_main_process()
    first = _restore(folder, strategy, config.digest)
    rows = list(read_run(folder).rows)[:first]
    if writes:
        keep_lines(folder / HISTORY, first)
        keep_lines(folder / SECONDS, first)
    on_event("done", first)
    on_event("strategy", strategy)
    events = Events(folder, rows) if writes else None
    try:
        for number in range(first + 1, strategy.epochs + 1):
            if early_stop and collapse.persists(rows):
                break
            began = time.perf_counter()
            row = json.loads(json.dumps(strategy.epoch(number, report)))
            seconds = round(time.perf_counter() - began, 3)
            rows.append(row)
            state = {"epoch": number, "search": config.digest} | strategy.state_dict()
            if events:
                append_line(folder / HISTORY, row)
                append_line(folder / SECONDS, {"epoch": number, "seconds": seconds})
                run_folder.save_checkpoint(folder, state)
                events.add(row, seconds)
                write_report(folder)
            on_event("row", row)
    finally:
        if events:
            events.close()
    return rows


def _restore(folder: Path, strategy: Strategy, digest: str) -> int:
    """Go back to the checkpoint, if there is one: the number of epochs done."""
    state = run_folder.load_checkpoint(folder, "epoch", "search")
    if state is None:
        return 0
    path = folder / run_folder.CHECKPOINT
    if state["search"] != digest:
        raise RunError(f"{path} is of another search than {CONFIG}, or the settings there were "
                       "changed; put the right one back, or search into another folder with -o")
    try:
        epoch = state["epoch"]
        if epoch not in range(1, strategy.epochs + 1):
            raise ValueError(epoch)
        strategy.load_state_dict(state)
    except (LookupError, ValueError, RuntimeError, TypeError, AttributeError):
        raise RunError(f"{path} is damaged or of another version; search anew into another folder "
                       "with -o (the history is kept)") from None
    if len(read_run(folder).rows) < epoch:
        raise RunError(f"{folder / HISTORY} lacks rows of epochs that are done; search anew into "
                       "another folder with -o")
    return epoch


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of the run, which the system releases however the process ends."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        distributed.first(lambda: lock.acquire() and None)
    except Timeout:
        raise RunError(f"another process is at work on {folder}; wait for it, or search into "
                       "another folder with -o") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """As many threads as the run began with: sums in another order are other sums."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _disk_errors_in_one_line(folder: Path) -> Iterator[None]:
    """Say of a disk that is full or cannot be written how the run goes on."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free some space"
        elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            remedy = "make it writable"
        else:
            raise
        raise RunError(f"{error.filename or folder}: {error.strerror}; {remedy} and go on with "
                       f"`search resume {folder}`") from None


# --- the end ----------------------------------------------------------------------------------


def _finish(folder: Path, config: RunConfig, rows: list[dict]) -> SearchResult:
    epoch, why = choose(rows)
    row = rows[epoch - 1]
    genotype = from_dict(row["genotype"])
    write_whole(folder / GENOTYPE, to_json(genotype).encode())
    record = read_run(folder)
    name = _register(config, genotype, f"search run {folder.resolve().name}: {record.strategy} "
                                       f"on {config.data}, seed {config.seed}")
    metric = f"valid_{record.metric}"
    result = {"name": name, "chosen_epoch": epoch, "why": why, "epochs": len(rows),
              "cost": rows[-1]["cost"], "seconds": record.total_seconds, metric: row.get(metric)}
    write_whole(folder / RESULT, json_bytes(result))
    write_report(folder)
    return _result(folder, result)


def choose(rows: list[dict]) -> tuple[int, str]:
    """The epoch whose genotype is kept, and why."""
    if "candidates" in rows[-1]:
        return rows[-1]["epoch"], "the best of all candidates"
    return collapse.choose(rows)


def _register(config: RunConfig, genotype: Genotype, source: str) -> str:
    """Keep the genotype in the user's zoo; a name that is taken meanwhile gets a number."""
    base = config.name or f"{config.label}_{config.data}_{config.seed}".replace(
        "-", "_").upper()[:90]  # a number has to fit after it
    replace = config.replace and config.name is not None
    for name in itertools.chain([base], (f"{base}_{number}" for number in itertools.count(2))):
        with contextlib.suppress(ValueError):
            return registry.register(name, genotype, source, replace).stem
        with contextlib.suppress(ValueError):  # of a damaged cell of the user's
            known = registry.record(name)
            if known.source == source and known.genotype == genotype:
                return known.name  # killed right after this was registered
    raise AssertionError("there is always another number")


def _result(folder: Path, result: dict) -> SearchResult:
    try:
        genotype = zoo.parse((folder / GENOTYPE).read_text(encoding="utf-8"))
        return SearchResult(folder, genotype, result["chosen_epoch"], result["why"], result["name"])
    except (KeyError, ValueError, FileNotFoundError):
        raise RunError(f"{folder / RESULT} or {GENOTYPE} beside it is damaged; remove it and go "
                       f"on with `search resume {folder}`, which writes both anew") from None
