"""P-DARTS: a search in stages, each with a deeper supernet and fewer operations.

Chen et al. 2019, Progressive Differentiable Architecture Search: Bridging the Depth Gap between
Search and Evaluation (arXiv 1904.12760): after a stage every edge keeps only its
strongest operations, and the next supernet, with new weights and alphas, has more cells.  Skip
connections are regularized by dropout, which decays within a stage, and limited to `skip_limit` in
the normal (or only) cell, by removing the weakest.

As in the release, the first `warm_up` epochs of a stage train the weights only, while the dropout
falls linearly; afterwards it decays by the factor exp(-0.2) per epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from search.progress import Report, silent
from search.settings import ConvSettings
from search.spaces.discretize import Mixing, discretize, edges, kind_of, operations
from search.strategies.darts import Darts
from search.strategies.one_shot import seeded
from search.supernets.base import Alphas
from search.tasks.image import ImageSearchTask
from zoo.genotypes.serialization import Genotype
from zoo.recipes.base import check_not_negative

_DECAY = 0.2  # exponent of the dropout's decay per epoch after the warm-up


@dataclass(frozen=True)
class PDartsSettings(ConvSettings):
    """Further settings of P-DARTS.  Raises ValueError for a value out of range.

    `epochs` is divided evenly among the stages; a run with fewer epochs than stages skips the last
    ones.  `warm_up` applies to each stage, whose last epoch always trains the alphas.
    """

    added_layers: tuple[int, ...] = (0, 6, 12)  # cells in each stage, in addition to `layers`
    kept_operations: tuple[int, ...] = (5, 3)  # per edge, after each stage but the last
    skip_dropout: tuple[float, ...] = (0.0, 0.4, 0.7)  # at the beginning of each stage
    skip_limit: int = 2  # most skip connections of the normal cell

    def __post_init__(self) -> None:
        super().__post_init__()
        stages = len(self.added_layers)
        check_not_negative(self, "skip_limit")
        if not stages or min(self.added_layers) < 0:
            raise ValueError("added_layers must be one number of at least 0 per stage, not "
                             f"{self.added_layers!r}")
        if len(self.kept_operations) != stages - 1 or min(self.kept_operations, default=1) < 1:
            raise ValueError(f"kept_operations must be {stages - 1} numbers of at least 1, one "
                             f"fewer than in added_layers, not {self.kept_operations!r}")
        if len(self.skip_dropout) != stages or not all(0 <= p < 1 for p in self.skip_dropout):
            raise ValueError(f"skip_dropout must be {stages} numbers in [0, 1), as many as in "
                             f"added_layers, not {self.skip_dropout!r}")

    def span(self, number: int) -> tuple[int, int, int]:
        """The stage of epoch `number`, the epoch's number in it, and the epochs of the stage.

        Examples:
            >>> PDartsSettings(epochs=75).span(26)
            (1, 1, 25)
        """
        stages = len(self.added_layers)
        each = max(1, self.epochs // stages)
        stage = min((number - 1) // each, stages - 1)
        last = stage == stages - 1
        return stage, number - stage * each, self.epochs - stage * each if last else each


SETTINGS = PDartsSettings


class PDarts(Darts):
    """P-DARTS, first order, on the image spaces."""

    spaces = ("conv", "nasbench201")
    first_order_only = "p-darts drops skip connections at random in every step"
    settings: PDartsSettings
    task: ImageSearchTask
    stage = 0

    def build_network(self) -> Alphas:
        """The supernet of the current stage."""
        return self.task.supernet(
            layers=self.settings.layers + self.settings.added_layers[self.stage])

    def epoch(self, number: int, report: Report = silent) -> dict[str, Any]:
        """Train for an epoch; the first one of a stage builds its supernet."""
        stage = self.settings.span(number)[0]
        if stage != self.stage:
            with torch.no_grad():
                kept = strongest(self.mixing(), self.settings.kept_operations[stage - 1])
            self._enter(stage, number)
            self.network.restrict(kept)
        return super().epoch(number, report)

    def _enter(self, stage: int, number: int) -> None:
        """Build the supernet and optimizers of a stage that starts in epoch `number`."""
        self.stage = stage
        with seeded(self.task.device, self.seed, number, stage):
            self.network = self.build_network()
            self.prepare()

    def warms_up(self, number: int) -> bool:
        _, within, epochs = self.settings.span(number)
        return number <= self.settings.epochs and within <= min(self.settings.warm_up, epochs - 1)

    def dropout(self, number: int) -> float:
        """The rate of the dropout after skip connections in epoch `number`."""
        stage, within, epochs = self.settings.span(number)
        first, warm_up = self.settings.skip_dropout[stage], self.settings.warm_up
        if within <= warm_up:
            return first * (epochs - within) / epochs
        return first * math.exp(-_DECAY * (within - 1 - warm_up))

    def _rate(self, number: int) -> float:
        if number > self.settings.epochs:
            return super()._rate(number)
        _, within, epochs = self.settings.span(number)
        return self._cosine(within, epochs, self.settings.learning_rate)

    def _learn(self, number: int, report: Report) -> dict[str, float]:
        self.network.set_skip_dropout(self.dropout(number))
        try:
            return super()._learn(number, report)
        finally:
            self.network.set_skip_dropout(0.0)  # evaluate without dropout

    def genotype(self) -> Genotype:
        """The discretized mixing, with at most `skip_limit` skip connections.

        Perturbation-based selection has no limit, since it measures what an operation contributes.
        """
        with torch.no_grad():
            mixing = self.mixing()
            return discretize(mixing if self.selection else
                              limited(mixing, self.settings.skip_limit))

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"stage": self.stage}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["stage"] != self.stage:
            self._enter(state["stage"], 0)  # the state overwrites everything drawn here
        super().load_state_dict(state)


def strongest(mixing: Mixing, count: int) -> Mixing:
    """Boolean tables that mark the `count` strongest operations of each edge; a single one is not
    `none` in a space whose genotypes exclude it."""
    excluded = int(count == 1 and kind_of(mixing) != "nasbench201")  # `none` is the first column
    marked = {}
    for name, table in mixing.items():
        table = torch.cat([torch.zeros_like(table[:, :excluded]), table[:, excluded:]], dim=1)
        best = table.topk(min(count, table.shape[1]), dim=-1).indices
        kept = torch.zeros_like(table, dtype=torch.bool).scatter(-1, best, True)
        marked[name] = kept & (table > 0)
    return marked


def limited(mixing: Mixing, limit: int) -> Mixing:
    """`mixing` with weight 0 for the weakest skip connections of the first cell, so that its
    genotype has at most `limit`."""
    name, table = next(iter(mixing.items()))
    kind = kind_of(mixing)
    skip = operations(kind).index("skip_connect")
    rows = {edge: row for row, edge in enumerate(edges(kind))}
    table = table.clone()
    while True:
        mixing = mixing | {name: table}
        nodes = discretize(mixing).cells()[name].nodes
        chosen = [rows[node, source] for node, found in enumerate(nodes)
                  for operation, source in found if operation == "skip_connect"]
        weights = [table[row, skip].item() for row in chosen]
        if len(chosen) <= limit or not any(weights):
            return mixing
        table[chosen[min(range(len(chosen)), key=weights.__getitem__)], skip] = 0
