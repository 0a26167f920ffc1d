"""The settings of a search against a table: from the user's options to `config.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zoo
from search.limits.limit import Limits, read_limits
from search.strategies import STRATEGIES, WARM, Entry, entry
from search.tables.truth import Truth, read_truth, table_sha256
from zoo.genotypes.table import TableError, read_table
from zoo.system import json_text
from zoo.training.trainer import check_seed

BUDGET, SEEDS = 100, 100  # defaults


@dataclass
class TableOptions:
    """The user's options; None for an omitted one."""

    table: Path
    strategy: str | None = None
    look_at: str | None = None
    judge_by: str | None = None
    seed: int | None = None
    seeds: int | None = None
    budget: int | None = None
    given: dict[str, Any] = field(default_factory=dict)  # strategy settings, from --set
    limits: Sequence[str] = ()  # such as latency_pixel3<=10, or latency_pixel3 to minimize it


@dataclass(frozen=True)
class TableConfig:
    """Everything a run depends on, as stored in `config.json`.

    The seeds are `seed`, `seed` + 1, ...; `settings` are the strategy's, with `budget` candidates.
    """

    strategy: str
    table: str
    table_sha256: str
    look_at: str
    judge_by: str
    seed: int
    seeds: int
    budget: int
    settings: dict[str, Any]
    limits: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> TableConfig:
        """Parse a stored `config.json`.  Raises ValueError if it is invalid."""
        from pydantic import TypeAdapter

        config = TypeAdapter(cls).validate_json(json_text.dumps(dict(values)), strict=True)
        table_settings(config.strategy).changed(config.settings)
        config.read_limits()
        return config

    @property
    def path(self) -> Path:
        return Path(self.table)

    def truth(self) -> Truth:
        """The cells and figures that the run searches.  Raises the errors of `read_truth`."""
        return read_truth(self.path, self.look_at, self.judge_by, self.read_limits())

    def read_limits(self) -> Limits:
        """The limits and objectives, parsed.  Raises ValueError if they are damaged."""
        return read_limits(self.limits)


def plan(options: TableOptions) -> tuple[TableConfig, Truth]:
    """The configuration of the run that `options` describe, and the truth of its table.

    Raises ValueError for options that do not go together, TableError for an unusable table,
    OSError.
    """
    name = options.strategy or "evolution"
    settings = table_settings(name)
    if options.look_at is None:
        columns = ", ".join(read_table(options.table).columns) or "none"
        raise ValueError(f"--table needs --look-at COLUMN, the figures to search by; "
                         f"{options.table} has {columns}")
    budget = BUDGET if options.budget is None else options.budget
    seed, seeds = options.seed or 0, SEEDS if options.seeds is None else options.seeds
    for option, value in (("budget", budget), ("seeds", seeds)):
        if value < 1:
            raise ValueError(f"--{option} must be at least 1, not {value}")
    check_seed(seed)
    if "candidates" in options.given:
        raise ValueError("with --table, --budget sets the number of cells; leave --candidates out")
    if warm := next((option for option in options.given if option in WARM), None):
        raise ValueError(f"--set {warm} belongs to a warm start, which scores networks before "
                         "training; a search against a table trains nothing, leave it out")
    least = settings.changed(options.given | {"candidates": 10**9}).fewest
    if budget < least:
        raise ValueError(f"{name} starts with {least} cells, more than the budget of {budget}; use "
                         f"at least --budget {least}")
    settings = settings.changed(options.given | {"candidates": budget})
    limits = read_limits(options.limits)
    for option, column in (("look-at", options.look_at), ("judge-by", options.judge_by)):
        if column in limits.objectives:
            raise ValueError(f"--limit {column}: {column} is already maximized by --{option}; "
                             "minimize another column")
    truth = read_truth(options.table, options.look_at, options.judge_by or options.look_at, limits)
    if budget > len(truth.looked):
        kept = " within the limits" if limits.bounds else ""
        raise TableError(f"{options.table} has {len(truth.looked):,} cells with figures{kept}, "
                         f"fewer than the budget of {budget:,}; use --budget "
                         f"{len(truth.looked)} or less")
    return TableConfig(
        strategy=name, table=str(options.table.resolve()),
        table_sha256=table_sha256(options.table), look_at=truth.look_at, judge_by=truth.judge_by,
        seed=seed, seeds=seeds, budget=budget, settings={
            option: value for option, value in dataclasses.asdict(settings).items()
            if option not in WARM},
        limits=limits.texts, versions={"genotype-zoo": zoo.__version__}), truth


def table_entry(strategy: str) -> Entry:
    """The strategy `strategy`.  Raises ValueError if it cannot search a table."""
    found = entry(strategy)
    if found.shares_weights or found.table_settings() is None:
        others = [name for name, one in STRATEGIES.items()
                  if not one.shares_weights and one.table_settings() is not None]
        why = ("trains a supernet, but a table replaces trained candidates"
               if found.shares_weights else "searches a space without tables")
        raise ValueError(f"{strategy} {why}; with --table choose --strategy {', '.join(others)}")
    return found


def table_settings(strategy: str) -> Any:
    """The settings of a strategy on a table.  Raises the errors of `table_entry`."""
    return table_entry(strategy).table_settings()
