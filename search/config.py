"""The settings of a run: from the user's options to `config.json`, and back.

Presets come first, then a file (`--config`), then single values (`--set`), then options.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch

import zoo
from search import latency_profile
from search.limits.limit import Limits, read_limits
from search.limits.measures import measure, units
from search.settings import check_preset
from search.spaces.allowed import Allowed, check_allowed, read_allowed
from search.spaces.discretize import NODES
from search.strategies import DEFAULT, STRATEGIES, Entry, entry
from search.tasks import domain
from search.tasks.base import Domain
from zoo import registry
from zoo.latency.profile import Profile
from zoo.messages.command_line import command
from zoo.messages.spelling import did_you_mean, either
from zoo.recipes.base import check_known, current_names
from zoo.recipes.options import Options
from zoo.system import distributed
from zoo.system.device import pick_device, pick_precision
from zoo.system.threads import check_threads
from zoo.training.trainer import check_seed


@dataclass
class SearchOptions(Options):
    """Options of `search run`; `settings` (strategy) and `training` (candidates) are as in a run's
    `config.json`."""

    strategy: str | None = None
    space: str | None = None
    budget: int | None = None
    name: str | None = None
    replace: bool = False
    early_stop: bool = False
    operations: str | dict[str, Any] | None = None
    limits: list[str] | None = None  # such as params<=50k
    profile: Path | None = None
    profile_sha256: str | None = None
    settings: dict[str, Any] | None = None
    training: dict[str, Any] | None = None

    derived: ClassVar[tuple[str, ...]] = ("epochs", "versions", "processes")
    stale: ClassVar[Mapping[str, tuple[str, ...]]] = {"profile": ("profile_sha256",)}
    stale_of_run: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "strategy": ("settings", "training", "space", "early_stop", "profile", "profile_sha256"),
        "space": ("settings", "training", "operations", "profile", "profile_sha256"),
        "preset": ("settings", "training", "profile", "profile_sha256")}


@dataclass(frozen=True)
class RunConfig:
    """Everything a run depends on, as stored in `config.json`.

    `settings` are the strategy's; `training` is the recipe of its candidates, None for a strategy
    that shares weights; `epochs` is the number of rows of the whole run.
    """

    strategy: str
    space: str
    data: str
    path: str | None
    size: int | None
    by: str | None
    seed: int
    device: str
    precision: str
    threads: int | None  # None: measured on the first steps
    processes: int
    settings: dict[str, Any]
    training: dict[str, Any] | None
    budget: int | None
    data_sha256: str
    name: str | None
    replace: bool
    early_stop: bool
    preset: str | None = None
    operations: dict[str, list[list[str]]] | None = None  # of each edge; None for all
    limits: list[str] = field(default_factory=list)  # bounds and objectives
    profile: str | None = None  # of latencies, for `limits` or `latency_weight`
    profile_sha256: str | None = None
    epochs: int | None = None
    versions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> RunConfig:
        """Parse a stored `config.json`.  Raises ValueError if it is invalid."""
        from pydantic import TypeAdapter

        # Through JSON: strict pydantic builds a dataclass from JSON but not from a dict.
        config = TypeAdapter(cls).validate_json(json.dumps(dict(values)), strict=True)
        check_threads(config.threads)
        config.strategy_settings()
        if config.operations is not None:
            check_allowed(config.operations, config.space)
        config.read_limits()
        return config

    @property
    def entry(self) -> Entry:
        return entry(self.strategy)

    @property
    def domain(self) -> Domain:
        return domain(self.space)

    def strategy_settings(self) -> Any:
        """The strategy's settings, parsed.  Raises ValueError if they are damaged."""
        found = self.entry
        if found.shares_weights:
            # A setting that is newer than the run has its own default, not that of a preset.
            base = type(next(iter(self.domain.supernets.values())))()
            return found.settings(base).changed(self.settings)
        return next(iter(found.presets().values())).changed(self.settings)

    def read_limits(self) -> Limits:
        """The limits and objectives, parsed.  Raises ValueError if they are damaged."""
        return read_limits(self.limits, units)

    def load_data(self) -> Any:
        """Load the run's data set.  Raises DataError."""
        return self.domain.load(self.data, Path(self.path) if self.path else None, self.size,
                                self.by)

    def latency_profile(self) -> Profile | None:
        """The run's latency profile, if it has one.  Raises the errors of
        `search.latency_profile.read_unchanged`."""
        if self.profile is None:
            return None
        return latency_profile.read_unchanged(Path(self.profile), self.profile_sha256)

    @property
    def label(self) -> str:
        """The strategy's name in folders and cells: "darts2", "darts1-pt", "evolution"."""
        order = self.settings.get("order") if self.strategy == "darts" else None
        selected = "-pt" if self.settings.get("select") == "perturbation" else ""
        return f"{self.strategy}{order or ''}{selected}"

    @property
    def digest(self) -> str:
        """sha256 of everything a checkpoint depends on, to reject checkpoints of other runs."""
        facts = {name: getattr(self, name) for name in (
            "strategy", "space", "data_sha256", "seed", "precision", "processes", "settings",
            "training", "budget")} | {name: value for name in (
                "operations", "limits", "profile_sha256") if (value := getattr(self, name))}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def plan(options: SearchOptions) -> tuple[RunConfig, Any]:
    """The configuration of the run that `options` describe, and its data set.

    Raises ValueError for options that do not go together, DataError for unreadable data.

    Examples:
        >>> config, data = plan(SearchOptions(strategy="darts", changes={"epochs": 2}))
        >>> config.data, config.settings["epochs"], len(data.labels)
        ('digits', 2, 10)
    """
    name = options.strategy or DEFAULT
    found = entry(name)
    space = options.space or found.spaces[0]
    if space not in found.spaces:
        raise ValueError(f"{name} searches the {either(found.spaces)} space, not {space!r}; "
                         f"{did_you_mean(space, found.spaces)}choose one with --space")
    seed = options.seed or 0
    check_seed(seed)
    check_threads(options.threads)
    check_early_stop(name, options.early_stop)
    limits = _limits(found, options)
    if options.name is not None:
        registry.check_free(options.name, options.replace)  # fail before hours of search
    searched = domain(space)
    data_name, path = searched.placed(options.data or searched.data, options.path)
    options = dataclasses.replace(options, path=path)
    preset = options.preset or searched.preset(data_name)
    settings, training = _settings(found, searched, preset, data_name, options)
    data = searched.load(data_name, options.path, options.size, options.by)
    fingerprint = searched.fingerprint(data)
    if options.data_sha256 not in (None, fingerprint):
        raise ValueError(f"{data_name} is not the data that the settings' run used; leave "
                         "data_sha256 out to search on it")
    check_selection(settings, options)
    profile_sha256 = _profile(found, settings, limits, options, space, data)
    if found.shares_weights and options.budget is not None:
        settings = searched.within(options.budget, data, settings)
    device = pick_device(options.device or "auto")
    precision = str(pick_precision(options.precision or "auto", device,
                                   training.precision if training else "auto")
                    ).removeprefix("torch.")
    if training:
        training = training.but(precision=precision)
    return RunConfig(
        strategy=name, space=space, data=data_name,
        path=str(options.path.resolve()) if options.path else None, size=options.size,
        by=options.by, preset=preset, seed=seed, device=str(device),
        precision=precision,
        threads=options.threads if found.shares_weights else 1, processes=distributed.size(),
        settings=dataclasses.asdict(settings),
        training=dataclasses.asdict(training) if training else None, budget=options.budget,
        data_sha256=fingerprint, name=options.name, replace=options.replace,
        early_stop=options.early_stop, operations=_operations(options.operations, space),
        limits=limits.texts, profile=str(options.profile.resolve()) if options.profile else None,
        profile_sha256=profile_sha256,
        versions={"genotype-zoo": zoo.__version__, "torch": torch.__version__}), data


def _operations(given: str | dict[str, Any] | None, space: str) -> Allowed | None:
    """The operations of each edge.  Raises ValueError for a space that cannot be restricted."""
    if given is None:
        return None
    if space not in NODES:
        raise ValueError(f"--operations restricts the {', '.join(NODES)} spaces, not the {space} "
                         "one; leave it out")
    return read_allowed(given, space) if isinstance(given, str) else check_allowed(given, space)


def _limits(found: Entry, options: SearchOptions) -> Limits:
    """The parsed limits.  Raises ValueError for limits that the strategy cannot keep."""
    limits = read_limits(options.limits or (), units)
    for name in limits.measures:
        measure(name)
    if limits and found.shares_weights:
        raise ValueError("--limit is for strategies that train candidates, but "
                         f"{options.strategy or DEFAULT} trains one supernet; leave it out, or "
                         "weigh the latency with --latency-weight")
    return limits


def _profile(found: Entry, settings: Any, limits: Limits, options: SearchOptions, space: str,
             data: Any) -> str | None:
    """The sha256 of the latency profile, None without one.

    Raises ValueError if a latency weight has no profile or a profile no use, and the errors of
    `search.latency_profile`.  A limit checks the profile when it is evaluated.
    """
    weight = getattr(settings, "latency_weight", 0.0)
    if options.profile is None:
        if weight:
            raise ValueError("--latency-weight needs the latency of every operation; measure it "
                             f"with `{command('zoo', 'profile')}` and add --profile FILE")
        return None
    if not weight and not any(name.startswith("latency:") for name in limits.measures):
        use = ("--latency-weight" if found.shares_weights
               else "--limit latency:RUNTIME:BACKEND")
        raise ValueError(f"--profile is for {use}; add it, or leave --profile out")
    profile, sha256 = latency_profile.read(options.profile, options.profile_sha256)
    if weight:
        latency_profile.check_fits(profile, space, data)
    return sha256


def check_early_stop(strategy: str, early_stop: bool) -> None:
    """Raise ValueError if `early_stop` is set for a strategy without a supernet."""
    if early_stop and not entry(strategy).shares_weights:
        raise ValueError(f"{strategy} trains candidates, not a supernet that could collapse; "
                         "leave --early-stop out")


def check_selection(settings: Any, options: SearchOptions) -> None:
    """Raise ValueError for options that do not go with `--select perturbation`."""
    if getattr(settings, "select", "argmax") != "perturbation":
        return
    if options.early_stop:
        raise ValueError("--early-stop would end the run before --select perturbation chooses a "
                         "cell; leave one of them out")
    if options.budget is not None:
        raise ValueError("--budget does not count the epochs that --select perturbation adds; "
                         "give --epochs instead")


def _settings(found: Entry, searched: Domain, preset: str, data: str, options: SearchOptions
              ) -> tuple[Any, Any]:
    """The strategy's settings, and the recipe of its candidates or None."""
    changes = {name: value for name, value in options.changes.items() if value is not None}
    names = settings_of(found, searched)
    for name in (*changes, *(set(found.unused) & set(options.given))):
        if name not in names:
            raise _foreign_setting(name, options, searched.space, name in changes)
    if found.shares_weights and options.training:
        raise ValueError(f"{options.strategy} trains no candidates from scratch; leave the "
                         "settings under `training` out")
    if found.shares_weights:
        settings = found.settings(searched.supernet_settings(preset, data)).but(
            **(found.changes or {}).get(preset, {})).changed(options.settings or {}, "settings: ")
        return settings.changed(options.given).but(**changes), None
    presets = found.presets()
    check_preset(preset, presets)
    settings = presets[preset].changed(options.settings or {}, "settings: ")
    training = searched.recipe(preset, data).changed(options.training or {}, "training: ")
    for values in (options.given, changes):
        recipe = {name: value for name, value in values.items()
                  if name not in settings.names()
                  or (values is changes and name not in ("candidates", "warm_start"))}
        own = {name: value for name, value in values.items() if name not in recipe}
        recipe = current_names(recipe, training.names())
        check_known(recipe, [*settings.names(), *training.names()])
        settings, training = settings.changed(own), training.changed(recipe)
    return settings, training


def settings_of(found: Entry, searched: Domain) -> list[str]:
    """Names of the settings that options can change: the supernet's, or the number of candidates
    and the settings of their training, even if the controller has one of the same name."""
    if found.shares_weights:
        names = found.settings(next(iter(searched.supernets.values()))).names()
    else:
        recipe = searched.recipe(searched.preset(searched.data), searched.data)
        names = ["candidates", "warm_start", *recipe.names()]
    return [name for name in names if name not in found.unused]


def _foreign_setting(name: str, options: SearchOptions, space: str, as_option: bool) -> ValueError:
    """The error for a setting of another strategy or space; it names the owner."""
    strategy = options.strategy or DEFAULT
    option = f"--{name.replace('_', '-')}" if as_option else f"--set {name}"
    spaces = [other for other in entry(strategy).spaces
              if name in settings_of(entry(strategy), domain(other))]
    if spaces:
        owner = f"{strategy} on the {spaces[0]} space"
    else:
        *others, last = (other for other, one in STRATEGIES.items()
                         if any(name in settings_of(one, domain(each)) for each in one.spaces))
        owner = f"{', '.join(others)} and {last}" if others else last
    return ValueError(f"{option} is a setting of {owner}, not of {strategy} on the {space} space; "
                      "leave it out")
