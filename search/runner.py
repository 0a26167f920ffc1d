"""One loop for every strategy: a folder, a lock, checkpoints, a history, and a genotype at the end.

The folder holds `config.json`, `history.jsonl` (a row an epoch), `seconds.jsonl` and
`checkpoint.pt`, `candidates/` where candidates are trained, `tensorboard/` with events,
`report.html`, and at the end `genotype.json` and `result.json`.

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

import zoo
from search import build
from search.config import RunConfig, check_early_stop
from search.progress import Report, silent
from search.reporting.history import CONFIG, HISTORY, RESULT, SECONDS, RunRecord, read_run
from search.reporting.report import write_report
from search.reporting.tensorboard import Events
from search.spaces import collapse
from search.strategies.base import Strategy
from zoo import registry
from zoo.artifact.folder import json_bytes
from zoo.artifact.names import GENOTYPE
from zoo.genotypes.serialization import Genotype, from_dict, to_json
from zoo.messages.command_line import command
from zoo.runs import run_folder
from zoo.runs.run_folder import RunError, append_line, keep_lines
from zoo.runs.run_lock import at_work
from zoo.system import distributed, json_text
from zoo.system.device import pick_device
from zoo.system.files import write_whole
from zoo.system.memory import is_exhausted
from zoo.system.threads import use_threads

#: Called with "done" and the epochs done and "strategy" before the first
#: step, with "row" after each epoch.
OnEvent = Callable[[str, Any], None]


@dataclass(frozen=True)
class SearchResult:
    """What a run has found: a genotype, of which epoch and why, and its name in the zoo."""

    run: RunRecord
    genotype: Genotype
    epoch: int
    why: str
    name: str

    @property
    def folder(self) -> Path:
        return self.run.folder


def start(folder: Path, config: RunConfig) -> None:
    """Make `folder` ready for a run of `config` (see `search.config.plan`).

    What is found will be registered as `config.name`, or by what it is.
    Raises RunError if the folder holds anything already.
    """
    run_folder.begin(folder, dataclasses.asdict(config), "search run", {
        RESULT: f"a finished search, see `{command('search', 'show', folder)}`;",
        CONFIG: f"a search already; go on with `{command('search', 'resume', folder)}`, or"})


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
        return _result(record)
    with distributed.group(pick_device(str(record.config.get("device", "auto")))):
        config = distributed.first(lambda: _checked(folder, record.config))
        check_early_stop(config.strategy, early_stop)
        with _disk_errors_in_one_line(folder), at_work(folder):
            record = read_run(folder)  # no other process writes any more
            if data is None:
                data = config.load_data()
            if config.domain.fingerprint(data) != config.data_sha256:
                raise RunError(f"{folder} was started with other data than what is at "
                               f"{config.path or config.data} now; put that back, or search "
                               "into another folder with -o")
            with build.strategy(config, data, folder, workers) as strategy:
                record = _epochs(record, config, data, strategy,
                                 early_stop or config.early_stop, report, on_event)
            return distributed.first(lambda: _finish(record, config))


def _checked(folder: Path, values: dict) -> RunConfig:
    """What `start` has written.  Raises RunError for a damaged file, for other processes, and for a
    run that has diverged."""
    try:
        config = RunConfig.read(values)
    except (TypeError, ValueError):
        raise RunError(f"{folder / CONFIG} is damaged; search anew into another folder with "
                       "-o") from None
    run_folder.refuse_diverged(folder)
    begun, now = config.processes, distributed.size()
    if begun != now:
        remedy = f"with torchrun --nproc-per-node {begun}" if begun > 1 else "without torchrun"
        raise RunError(f"{folder} was started with {begun} process{'es' * (begun > 1)}, and {now} "
                       f"would give other sums; resume it {remedy}")
    return config


def _epochs(record: RunRecord, config: RunConfig, data: Any, strategy: Strategy, early_stop: bool,
            report: Report, on_event: OnEvent) -> RunRecord:
    """The run with the rows of all its epochs, computed with the threads that it began with."""
    folder, writes = record.folder, distributed.is_main_process()
    first = _restore(record, strategy, config.digest)
    record = dataclasses.replace(record, rows=record.rows[:first], seconds=record.seconds[:first])
    if writes:
        keep_lines(folder / HISTORY, first)
        keep_lines(folder / SECONDS, first)
    on_event("done", first)
    on_event("strategy", strategy)
    count = distributed.first(lambda: config.threads or _choose_threads(record, config, data))
    record = dataclasses.replace(record, config=record.config | {"threads": count})
    with use_threads(count), (contextlib.closing(Events(record)) if writes else
                          contextlib.nullcontext()) as events:
        for number in range(first + 1, strategy.epochs + 1):
            if early_stop and collapse.persists(list(record.rows)):
                break
            began = time.perf_counter()
            row = json.loads(json_text.dumps(strategy.epoch(number, report)))
            seconds = round(time.perf_counter() - began, 3)
            record = dataclasses.replace(record, rows=(*record.rows, row),
                                         seconds=(*record.seconds, seconds))
            state = {"epoch": number, "search": config.digest} | strategy.state_dict()
            if events:
                append_line(folder / HISTORY, row)
                append_line(folder / SECONDS, {"epoch": number, "seconds": seconds})
                run_folder.save_checkpoint(folder, state)
                events.add(row, seconds)
                write_report(record)
            on_event("row", row)
    return record


def _choose_threads(record: RunRecord, config: RunConfig, data: Any) -> int:
    """The number of threads of a run that has made no step yet; its file keeps it."""
    count = build.threads(config, data)
    write_whole(record.folder / CONFIG, json_bytes(record.config | {"threads": count}))
    return count


def _restore(record: RunRecord, strategy: Strategy, digest: str) -> int:
    """Go back to the checkpoint, if there is one: the number of epochs done."""
    folder = record.folder
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
    except (LookupError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        if is_exhausted(error):
            raise
        raise RunError(f"{path} is damaged or of another version; search anew into another folder "
                       "with -o (the history is kept)") from None
    if len(record.rows) < epoch:
        raise RunError(f"{folder / HISTORY} lacks rows of epochs that are done; search anew into "
                       "another folder with -o")
    return epoch


@contextlib.contextmanager
def _disk_errors_in_one_line(folder: Path) -> Iterator[None]:
    """Say of a disk that is full or cannot be written how the run goes on."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free some space"
        elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) and not _lies_elsewhere(
                error.filename, folder):
            remedy = "make it writable"
        else:
            raise
        raise RunError(f"{error.filename or folder}: {error.strerror}; {remedy} and go on with "
                       f"`{command('search', 'resume', folder)}`") from None


def _lies_elsewhere(name: str | bytes | int | None, folder: Path) -> bool:
    """Is it a file of the data, say, and not one of the run?"""
    path = Path(name) if isinstance(name, str) else folder
    return path.exists() and not path.resolve().is_relative_to(folder.resolve())


# --- the end ----------------------------------------------------------------------------------


def _finish(record: RunRecord, config: RunConfig) -> SearchResult:
    folder, rows = record.folder, list(record.rows)
    epoch, why = choose(rows)
    row = rows[epoch - 1]
    genotype = from_dict(row["genotype"])
    write_whole(folder / GENOTYPE, to_json(genotype).encode())
    name = _register(record, config, genotype)
    metric = f"valid_{record.metric}"
    result = {"name": name, "chosen_epoch": epoch, "why": why, "epochs": len(rows),
              "cost": rows[-1]["cost"], "seconds": record.total_seconds, metric: row.get(metric)}
    write_whole(folder / RESULT, json_bytes(result))
    record = dataclasses.replace(record, result=result)
    write_report(record)
    return _result(record)


def choose(rows: list[dict]) -> tuple[int, str]:
    """The epoch whose genotype is kept, and why."""
    if "candidates" in rows[-1]:
        return rows[-1]["epoch"], "the best of all candidates"
    return collapse.choose(rows)


def _register(record: RunRecord, config: RunConfig, genotype: Genotype) -> str:
    """Keep the genotype in the user's zoo; a name that is taken meanwhile gets a number.

    Raises RunError for a name that no cell can have.
    """
    source = (f"search run {record.folder.resolve().name}: {record.strategy} on {config.data}, "
              f"seed {config.seed}")
    base = config.name or f"{config.label}_{config.data}_{config.seed}".replace(
        "-", "_").upper()[:90]  # a number has to fit after it
    replace = config.replace and config.name is not None
    for name in itertools.chain([base], (f"{base}_{number}" for number in itertools.count(2))):
        try:
            return registry.register(name, genotype, source, replace).stem
        except ValueError as error:
            if not registry.registered(name):
                raise RunError(f"{record.folder / CONFIG}: {error}; mend the name there and go on "
                               f"with `{command('search', 'resume', record.folder)}`") from None
        with contextlib.suppress(ValueError):  # of a damaged cell of the user's
            known = registry.record(name)
            if known.source == source and known.genotype == genotype:
                return known.name  # killed right after this was registered
    raise AssertionError("there is always another number")


def _result(record: RunRecord) -> SearchResult:
    folder, result = record.folder, record.result or {}
    try:
        genotype = zoo.parse((folder / GENOTYPE).read_text(encoding="utf-8"))
        return SearchResult(record, genotype, result["chosen_epoch"], result["why"],
                            result["name"])
    except (KeyError, ValueError, FileNotFoundError):
        raise RunError(f"{folder / RESULT} or {GENOTYPE} beside it is damaged; remove it and go "
                       f"on with `{command('search', 'resume', folder)}`, which writes both "
                       "anew") from None
