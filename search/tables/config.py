"""The settings of a search against a table: from what a user asks for to `config.json`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zoo
from search.strategies import STRATEGIES, WARM, Entry, entry
from search.tables.limits import Limit
from search.tables.truth import Truth, read_truth, table_sha256
from zoo.genotypes.table import TableError, read_table
from zoo.training.trainer import check_seed

LOOKS, SEEDS = 100, 100  # where none are named


@dataclass
class TableOptions:
    """What a user asked for; None where nothing was said."""

    table: Path
    strategy: str | None = None
    look_at: str | None = None
    judge_by: str | None = None
    seed: int | None = None
    seeds: int | None = None
    budget: int | None = None
    given: dict[str, Any] = field(default_factory=dict)  # settings of the strategy
    limits: Sequence[str] = ()  # such as latency_pixel3<=10


@dataclass(frozen=True)
class TableConfig:
    """All that a run depends on, as it is kept in `config.json`.

    Seeds are `seed`, `seed` + 1, ...; `settings` are the strategy's, with `budget` candidates.
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
        """Raises ValueError for values that no run has written."""
        from pydantic import TypeAdapter

        config = TypeAdapter(cls).validate_json(json.dumps(dict(values)), strict=True)
        table_settings(config.strategy).changed(config.settings)
        for limit in config.limits:
            Limit.read(limit)
        return config

    @property
    def path(self) -> Path:
        return Path(self.table)

    def truth(self) -> Truth:
        """What the run searches.  Raises as `read_truth` does."""
        return read_truth(self.path, self.look_at, self.judge_by,
                          list(map(Limit.read, self.limits)))


def plan(options: TableOptions) -> tuple[TableConfig, Truth]:
    """The run that is asked for, and its truth.

    Raises ValueError for what does not go together, TableError for a table that cannot be used,
    OSError.
    """
    name = options.strategy or "evolution"
    settings = table_settings(name)
    if options.look_at is None:
        columns = ", ".join(read_table(options.table).columns) or "none"
        raise ValueError(f"--table needs --look-at COLUMN, the figures that a search sees; "
                         f"{options.table} has {columns}")
    budget = LOOKS if options.budget is None else options.budget
    seed, seeds = options.seed or 0, SEEDS if options.seeds is None else options.seeds
    for option, value in (("budget", budget), ("seeds", seeds)):
        if value < 1:
            raise ValueError(f"--{option} must be at least 1, not {value}")
    check_seed(seed)
    if "candidates" in options.given:
        raise ValueError("the cells that a search against a table looks at are its --budget; leave "
                         "--candidates out")
    if warm := next((option for option in options.given if option in WARM), None):
        raise ValueError(f"--set {warm} belongs to a warm start, which scores networks before "
                         "training; a search against a table trains nothing, omit it")
    least = settings.changed(options.given | {"candidates": 10**9}).fewest
    if budget < least:
        raise ValueError(f"{name} starts with {least} cells, more than the budget of {budget}; the "
                         f"smallest is --budget {least}")
    settings = settings.changed(options.given | {"candidates": budget})
    limits = list(map(Limit.read, options.limits))
    truth = read_truth(options.table, options.look_at, options.judge_by or options.look_at, limits)
    if budget > len(truth.looked):
        kept = " within the limits" if limits else ""
        raise TableError(f"{options.table} has {len(truth.looked):,} cells with figures{kept}, "
                         f"fewer than the {budget:,} to look at; take --budget "
                         f"{len(truth.looked)} or less")
    return TableConfig(
        strategy=name, table=str(options.table.resolve()),
        table_sha256=table_sha256(options.table), look_at=truth.look_at, judge_by=truth.judge_by,
        seed=seed, seeds=seeds, budget=budget, settings={
            option: value for option, value in dataclasses.asdict(settings).items()
            if option not in WARM},
        limits=list(map(str, limits)), versions={"genotype-zoo": zoo.__version__}), truth


def table_entry(strategy: str) -> Entry:
    """The strategy of that name.  Raises ValueError for one that cannot search a table."""
    found = entry(strategy)
    if found.shares_weights or found.table_settings() is None:
        others = [name for name, one in STRATEGIES.items()
                  if not one.shares_weights and one.table_settings() is not None]
        why = ("trains a supernet, and a table takes the place of trained candidates"
               if found.shares_weights else "searches a space that no table holds")
        raise ValueError(f"{strategy} {why}; with --table choose --strategy {', '.join(others)}")
    return found


def table_settings(strategy: str) -> Any:
    """The settings of a strategy on a table.  Raises ValueError as `table_entry` does."""
    return table_entry(strategy).table_settings()
