"""Builds the strategy of a run from its settings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from search.candidates.workers import Evaluator
from search.config import RunConfig
from search.limits.feasible import anchor
from search.limits.figures import figures_of
from search.limits.measured import Measured
from search.limits.space import LimitedSpace
from search.spaces.allowed import columns
from search.strategies.base import Strategy
from search.strategies.one_shot import OneShot
from search.supernets.latency import edge_costs
from zoo.system import distributed
from zoo.system.device import pick_device
from zoo.system.threads import fastest_threads


@contextlib.contextmanager
def strategy(config: RunConfig, data: Any, folder: Path, workers: int | str | None = None
             ) -> Iterator[Strategy]:
    """The strategy of a run in `folder`, ready for its first epoch."""
    if config.entry.shares_weights:
        with distributed.group(pick_device(config.device)) as device:
            yield _one_shot(config, data, device)
        return
    if distributed.is_started():
        raise ValueError(f"{config.strategy} trains candidates in parallel by --workers; start "
                         "it without torchrun")
    domain = config.domain
    recipe = domain.read_recipe(config.training or {})
    training = domain.candidates(data, recipe, config.seed, config.device)
    space: Any = domain.cells(config.operations)
    measured = None
    if limits := config.read_limits():
        figures = figures_of(limits, space, domain.network(data, recipe),
                             config.latency_profile())
        measured = Measured(figures, limits.objectives)
        if limits.bounds:
            space = LimitedSpace(space, limits.bounds, figures,
                                 anchor(space, limits.bounds, figures))
    with Evaluator(training, folder / "candidates", workers, measured) as evaluator:
        yield config.entry.load()(space, evaluator, config.strategy_settings(), config.seed,
                                  config.budget)


def rehearse(config: RunConfig, data: Any, workers: int | str | None = None) -> int:
    """Build everything once, without allocating networks; return the number of epochs.

    A run that cannot work fails here, before it writes anything.  Raises ValueError for settings
    that do not go together and for limits that no cell meets, DataError for data that cannot be
    searched on.
    """
    if config.entry.shares_weights:
        if workers not in (None, "auto"):
            raise ValueError(f"--workers is for strategies that train candidates, but "
                             f"{config.strategy} trains one supernet; leave it out")
        return _one_shot(config, data, torch.device("meta")).epochs
    with strategy(config, data, Path(), workers) as built:
        return built.epochs


def threads(config: RunConfig, data: Any) -> int:
    """The number of threads with the fastest step of the supernet; 1 if candidates are trained."""
    device = pick_device(config.device)

    def prepare() -> Callable[[], object]:
        built = _one_shot(config, data, device)
        train, valid, _, _ = next(iter(built.task.batches(1)))
        return lambda: built.step(train, valid, built.epochs)

    if not config.entry.shares_weights:
        return 1
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        return fastest_threads(prepare, device)


def _one_shot(config: RunConfig, data: Any, device: torch.device) -> OneShot:
    settings, share = config.strategy_settings(), (distributed.rank(), distributed.size())
    if settings.batch_size % share[1]:
        raise ValueError(f"a batch of {settings.batch_size} cannot be split among {share[1]} "
                         "processes; choose a multiple with --batch-size")
    task = config.domain.supernet_task(data, settings, device, config.seed, share)
    task.allowed = config.operations
    if (profile := config.latency_profile()) is not None:
        task.costs = edge_costs(profile, columns(config.operations, config.space), device)
    dtype = torch.float32 if device.type == "meta" else getattr(torch, config.precision)
    built = config.entry.load()(task, settings, config.seed, dtype)
    assert isinstance(built, OneShot)  # every strategy that shares weights is one
    return built
