"""Search strategies, one per file, by their names for `--strategy`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from search.settings import SupernetSettings, extended
from zoo.messages.spelling import choices
from zoo.recipes.base import Settings

if TYPE_CHECKING:
    from search.strategies.base import Strategy


@dataclass(frozen=True)
class Entry:
    """Where a strategy is defined, and which spaces it searches.

    `changes` are its differences from the settings of DARTS, by preset; `unused` are the settings
    that it ignores.
    """

    module: str
    name: str
    spaces: tuple[str, ...]
    shares_weights: bool
    help: str
    changes: dict[str, dict[str, Any]] | None = None
    unused: tuple[str, ...] = ()

    def load(self) -> Callable[..., Strategy]:
        """The strategy's class; its arguments depend on `shares_weights`."""
        return getattr(self._module(), self.name)

    def own_settings(self) -> type[SupernetSettings] | None:
        """The settings that only this weight-sharing strategy has, if any."""
        return getattr(self._module(), "SETTINGS", None)

    def settings(self, base: SupernetSettings) -> SupernetSettings:
        """`base` with the settings that only this weight-sharing strategy has."""
        own = self.own_settings()
        return base if own is None else extended(base, own)

    def presets(self) -> dict[str, Settings]:
        """The settings of a strategy that trains candidates from scratch, by preset."""
        return self._module().PRESETS

    def table_settings(self) -> Settings | None:
        """The settings of a search against a table; None if the strategy cannot search one."""
        return getattr(self._module(), "TABLE", None)

    def _module(self) -> ModuleType:
        return importlib.import_module(f"search.strategies.{self.module}")


_ALL = ("conv", "recurrent", "nasbench201")
_WITHOUT_ALPHAS = ("order", "alpha_learning_rate", "select", "tuning_epochs", "latency_weight")

#: The warm-start settings of strategies that train candidates.
WARM = ("warm_start", "scores", "scored")
#: The default strategy.
DEFAULT = "darts"
STRATEGIES = {
    "darts": Entry("darts", "Darts", _ALL, True, "differentiable, order 1 or 2"),
    # Xu et al. 2020, settings of the release.
    "pc-darts": Entry("pc_darts", "PcDarts", ("conv",), True,
                      "partial channels, edge normalization", {
        "paper": {"batch_size": 256, "learning_rate": 0.1, "alpha_learning_rate": 6e-4,
                  "warm_up": 15},
        "quick": {"channels": 16, "warm_up": 4}}),
    # Dong & Yang 2019, epochs of the release.
    "gdas": Entry("gdas", "Gdas", _ALL, True,
                  "samples one operation per edge (Gumbel-softmax)", {
        "paper": {"epochs": 250}, "quick": {"epochs": 30}}),
    # Chen et al. 2021: the regularizer replaces the weight decay.
    "drnas": Entry("drnas", "DrNas", _ALL, True,
                   "samples the weights of operations from Dirichlet distributions", {
        "paper": {"alpha_weight_decay": 0.0}, "quick": {"alpha_weight_decay": 0.0}}),
    "sdarts-rs": Entry("sdarts", "SDartsRs", _ALL, True,
                       "trains the weights at randomly perturbed alphas"),
    "beta-darts": Entry("beta_darts", "BetaDarts", _ALL, True,
                        "regularizes the alphas with a growing weight"),
    # Chu et al. 2020, settings of the release.
    "fair-darts": Entry("fair_darts", "FairDarts", ("conv", "nasbench201"), True,
                        "sigmoid instead of softmax, pushed to 0 or 1", {
        "paper": {"batch_size": 128, "learning_rate": 0.005, "alpha_learning_rate": 3e-3,
                  "alpha_betas": (0.9, 0.999)}}),
    # Chen et al. 2019, settings of the release.
    "p-darts": Entry("p_darts", "PDarts", ("conv", "nasbench201"), True,
                     "deeper supernets of fewer operations, in three stages", {
        "paper": {"epochs": 75, "warm_up": 10, "layers": 5, "batch_size": 96,
                  "alpha_learning_rate": 6e-4, "last_learning_rate": 0.0},
        "quick": {"epochs": 18, "warm_up": 2, "layers": 3, "added_layers": (0, 1, 2)}}),
    "random-ws": Entry("random_ws", "RandomWs", _ALL, True,
                       "random cells with shared weights", {"quick": {"epochs": 30}},
                       _WITHOUT_ALPHAS),
    "enas": Entry("enas", "Enas", _ALL, True, "a controller, with shared weights", {
        "paper": {"epochs": 150}, "quick": {"epochs": 30}}, _WITHOUT_ALPHAS),
    "random": Entry("random", "Random", _ALL, False, "random cells, each trained from scratch"),
    "evolution": Entry("evolution", "Evolution", _ALL, False, "aging evolution (AmoebaNet)"),
    "reinforce": Entry("reinforce", "Reinforce", _ALL, False, "a controller with PPO (NASNet)",
                       unused=("warm_start",)),  # its cells come from the controller
    "local-search": Entry("local_search", "LocalSearch", _ALL, False,
                          "moves to better neighbors, restarts at an optimum"),
    "bananas": Entry("bananas", "Bananas", _ALL, False,
                     "trains the cells a random forest predicts to be best"),
    "training-free": Entry("training_free", "TrainingFree", ("conv",), False,
                           "evolution on scores at initialization, trains the best few"),
    "hierarchical": Entry("hierarchical", "Hierarchical", ("hierarchical",), False,
                          "evolution of hierarchical motifs"),
}


def entry(name: str) -> Entry:
    """The strategy `name`.  Raises ValueError for an unknown name, suggesting the nearest."""
    if name not in STRATEGIES:
        raise ValueError(f"unknown strategy {choices(name, STRATEGIES)}")
    return STRATEGIES[name]
