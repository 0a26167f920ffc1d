"""One loop for every strategy: a folder, a lock, checkpoints, a history, and a genotype at the end.

The folder holds `config.json`, `history.jsonl` (one row per epoch), `seconds.jsonl`,
`checkpoint.pt`, `candidates/` if candidates are trained, `tensorboard/` with events,
`report.html`, and at the end `genotype.json` and `result.json`, with objectives also `front.json`.

A run that is killed and resumed ends with the same history and genotype as an uninterrupted one:
an epoch depends only on the checkpoint and its own number, and a row counts only once the
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
from search.reporting.front import write_front
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

#: Called with "done" (epochs done) and "strategy" before the first step, "row" after each epoch.
OnEvent = Callable[[str, Any], None]


@dataclass(frozen=True)
class SearchResult:
    """The genotype that a run found, its epoch and why that was chosen, and its name in the zoo."""

    run: RunRecord
    genotype: Genotype
    epoch: int
    why: str
    name: str

    @property
    def folder(self) -> Path:
        return self.run.folder


def start(folder: Path, config: RunConfig) -> None:
    """Create the folder of a run (see `search.config.plan` for its configuration).

    The found cell will be registered as `config.name`, by default STRATEGY_DATA_SEED.
    Raises RunError if the folder is not empty.
    """
    run_folder.begin(folder, dataclasses.asdict(config), "search run", {
        RESULT: f"a finished search, see `{command('search', 'show', folder)}`;",
        CONFIG: f"a search already; continue with `{command('search', 'resume', folder)}`, or"})
    write_report(read_run(folder))


def run(folder: Path, data: Any = None, workers: int | str | None = None,
        early_stop: bool = False, report: Report = silent,
        on_event: OnEvent = lambda what, value: None) -> SearchResult:
    """Run or resume the search in `folder`, and register the cell that it finds.

    `data` defaults to the run's data set.  With `early_stop` the run ends when three consecutive
    epochs show a collapse.

    Raises RunError for a folder that holds no run, is used by another process, is damaged or
    cannot be written, DivergedError for a loss that is NaN or infinite, DataError for the data.
    """
    record = read_run(folder)
    if record.result is not None:
        return _result(record)
    with distributed.group(pick_device(str(record.config.get("device", "auto")))):
        config = distributed.first(lambda: _checked(folder, record.config))
        check_early_stop(config.strategy, early_stop)
        with _disk_errors_in_one_line(folder), at_work(folder):
            record = read_run(folder)  # again, now that no other process writes
            if data is None:
                data = config.load_data()
            if config.domain.fingerprint(data) != config.data_sha256:
                raise RunError(f"{folder} was started on different data than "
                               f"{config.path or config.data} holds now; restore that data, or "
                               "search in another folder with -o")
            with build.strategy(config, data, folder, workers) as strategy:
                record = _epochs(record, config, data, strategy,
                                 early_stop or config.early_stop, report, on_event)
            return distributed.first(lambda: _finish(record, config))


def _checked(folder: Path, values: dict) -> RunConfig:
    """The stored configuration.  Raises RunError if it is damaged, if the number of processes has
    changed, or if the run has diverged."""
    try:
        config = RunConfig.read(values)
    except (TypeError, ValueError):
        raise RunError(f"{folder / CONFIG} is damaged; search again in another folder with "
                       "-o") from None
    run_folder.refuse_diverged(folder)
    before, now = config.processes, distributed.size()
    if before != now:
        remedy = f"with torchrun --nproc-per-node {before}" if before > 1 else "without torchrun"
        raise RunError(f"{folder} was started with {before} process{'es' * (before > 1)}, and "
                       f"{now} would change the results; resume it {remedy}")
    return config


def _epochs(record: RunRecord, config: RunConfig, data: Any, strategy: Strategy, early_stop: bool,
            report: Report, on_event: OnEvent) -> RunRecord:
    """Run the remaining epochs, with the run's number of threads; return the complete record."""
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
    """Measure the best number of threads, and store it in the run's configuration."""
    count = build.threads(config, data)
    write_whole(record.folder / CONFIG, json_bytes(record.config | {"threads": count}))
    return count


def _restore(record: RunRecord, strategy: Strategy, digest: str) -> int:
    """Load the checkpoint, if there is one; return the number of epochs done."""
    folder = record.folder
    state = run_folder.load_checkpoint(folder, "epoch", "search")
    if state is None:
        return 0
    path = folder / run_folder.CHECKPOINT
    if state["search"] != digest:
        raise RunError(f"{path} belongs to another search than {CONFIG}, or the settings there "
                       "were changed; restore the right one, or search in another folder with -o")
    try:
        epoch = state["epoch"]
        if epoch not in range(1, strategy.epochs + 1):
            raise ValueError(epoch)
        strategy.load_state_dict(state)
    except (LookupError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        if is_exhausted(error):
            raise
        raise RunError(f"{path} is damaged or from another version; search again in another folder "
                       "with -o (the history is kept)") from None
    if len(record.rows) < epoch:
        raise RunError(f"{folder / HISTORY} lacks rows of finished epochs; search again in another "
                       "folder with -o")
    return epoch


@contextlib.contextmanager
def _disk_errors_in_one_line(folder: Path) -> Iterator[None]:
    """Report a full or read-only disk in one line that says how to continue the run."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free some space"
        elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) and not _is_outside(
                error.filename, folder):
            remedy = "make it writable"
        else:
            raise
        raise RunError(f"{error.filename or folder}: {error.strerror}; {remedy} and continue with "
                       f"`{command('search', 'resume', folder)}`") from None


def _is_outside(name: str | bytes | int | None, folder: Path) -> bool:
    """Is the file outside the run's folder, as the data set's files are?"""
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
    write_front(record)
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
    """Register the genotype in the user's zoo, with a number after the name if that is taken.

    Raises RunError for an invalid name.
    """
    source = (f"search run {record.folder.resolve().name}: {record.strategy} on {config.data}, "
              f"seed {config.seed}")
    base = config.name or f"{config.label}_{config.data}_{config.seed}".replace(
        "-", "_").upper()[:90]  # leaves room for a number
    replace = config.replace and config.name is not None
    for name in itertools.chain([base], (f"{base}_{number}" for number in itertools.count(2))):
        try:
            return registry.register(name, genotype, source, replace).stem
        except ValueError as error:
            if not registry.registered(name):
                raise RunError(f"{record.folder / CONFIG}: {error}; correct the name there and "
                               "continue with "
                               f"`{command('search', 'resume', record.folder)}`") from None
        with contextlib.suppress(ValueError):  # the registered cell is damaged
            known = registry.record(name)
            if known.source == source and known.genotype == genotype:
                return known.name  # registered just before this run was killed
    raise AssertionError("the numbers never end")


def _result(record: RunRecord) -> SearchResult:
    folder, result = record.folder, record.result or {}
    try:
        genotype = zoo.parse((folder / GENOTYPE).read_text(encoding="utf-8"))
        return SearchResult(record, genotype, result["chosen_epoch"], result["why"],
                            result["name"])
    except (KeyError, ValueError, FileNotFoundError):
        raise RunError(f"{folder / RESULT} or {GENOTYPE} next to it is damaged; remove it and "
                       f"continue with `{command('search', 'resume', folder)}`, which rewrites "
                       "both") from None
