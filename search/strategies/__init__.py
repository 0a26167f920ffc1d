"""Search strategies, one per file, by the name that `--strategy` takes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zoo.messages.spelling import choices
from zoo.recipes.base import Settings

if TYPE_CHECKING:
    from search.strategies.base import Strategy


@dataclass(frozen=True)
class Entry:
    """Where a strategy is defined and which spaces it searches; `changes` are its settings where
    they differ from those of DARTS, by preset, `unused` those it does not use."""

    module: str
    name: str
    spaces: tuple[str, ...]
    shares_weights: bool
    help: str
    changes: dict[str, dict[str, Any]] | None = None
    unused: tuple[str, ...] = ()

    def load(self) -> Callable[..., Strategy]:
        """Its class.  What it is built from depends on `shares_weights`."""
        return getattr(self._module(), self.name)

    def presets(self) -> dict[str, Settings]:
        """The settings of a strategy that trains candidates from scratch, by preset."""
        return self._module().PRESETS

    def table_settings(self) -> Settings | None:
        """The settings of a search against a table; None for a strategy that cannot be one."""
        return getattr(self._module(), "TABLE", None)

    def _module(self) -> ModuleType:
        return importlib.import_module(f"search.strategies.{self.module}")


_ALL = ("conv", "recurrent", "nasbench201")

#: Settings of a warm start, which strategies that train candidates have.
WARM = ("warm_start", "scores", "scored")
#: The strategy where none is named.
DEFAULT = "darts"
STRATEGIES = {
    "darts": Entry("darts", "Darts", _ALL, True, "differentiable, order 1 or 2"),
    # Xu et al. 2020, section 4.2.1.
    "pc-darts": Entry("pc_darts", "PcDarts", ("conv",), True,
                      "partial channels, edge normalization", {
        "paper": {"batch_size": 256, "learning_rate": 0.1, "last_learning_rate": 0.0,
                  "alpha_learning_rate": 6e-4, "warm_up": 15},
        "quick": {"channels": 16, "warm_up": 4}}),
    # Dong & Yang 2019, section 4.2.
    "gdas": Entry("gdas", "Gdas", _ALL, True,
                  "samples one operation per edge (Gumbel-softmax)", {
        "paper": {"epochs": 250}, "quick": {"epochs": 30}}),
    "random-ws": Entry("random_ws", "RandomWs", _ALL, True,
                       "random cells with shared weights", {"quick": {"epochs": 30}},
                       ("order", "alpha_learning_rate")),
    "enas": Entry("enas", "Enas", _ALL, True, "a controller, with shared weights", {
        "paper": {"epochs": 150}, "quick": {"epochs": 30}}, ("order", "alpha_learning_rate")),
    "random": Entry("random", "Random", _ALL, False, "random cells, each trained from scratch"),
    "evolution": Entry("evolution", "Evolution", _ALL, False, "aging evolution (AmoebaNet)"),
    "reinforce": Entry("reinforce", "Reinforce", _ALL, False, "a controller with PPO (NASNet)",
                       unused=("warm_start",)),  # its cells come from the controller
    "local-search": Entry("local_search", "LocalSearch", _ALL, False,
                          "moves to better neighbors, begins again at an optimum"),
    "bananas": Entry("bananas", "Bananas", _ALL, False,
                     "trains what a forest predicts to be good"),
    "training-free": Entry("training_free", "TrainingFree", ("conv", "nasbench201"), False,
                           "evolution on scores at initialization, trains the best few"),
    "hierarchical": Entry("hierarchical", "Hierarchical", ("hierarchical",), False,
                          "evolution of hierarchical motifs"),
}


def entry(name: str) -> Entry:
    """The strategy of that name.  Raises ValueError for an unknown name, with the nearest one."""
    if name not in STRATEGIES:
        raise ValueError(f"unknown strategy {choices(name, STRATEGIES)}")
    return STRATEGIES[name]
