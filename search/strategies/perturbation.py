"""Perturbation-based selection: the strength of an operation is the accuracy its removal costs.

Wang et al. 2021, Rethinking Architecture Selection in Differentiable NAS (DARTS-PT, arXiv
2108.04392, section 4.2 and appendix A.3): after the search, edge by edge in random order, keep the
operation whose removal lowers the validation accuracy of the supernet most; then, node by node,
drop the edges whose removal lowers it least.  After each choice the supernet is tuned for some
epochs, at a tenth of the learning rate.  As in the release, every cell makes its choice in the same
epoch.

This discretizes any supernet with alphas; a choice clears entries of `allowed` (see
`search.supernets.base.Alphas`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from search.spaces.discretize import EDGES_OF_NODE, Mixing, edges, kind_of_table

#: The validation score of the supernet with these operation weights; higher is better.
Score: TypeAlias = Callable[[Mixing], tuple[float, ...]]


class Perturbation:
    """The choices that reduce the `allowed` operations to one genotype, in a seeded order.

    `epochs` is their number times `tuning_epochs`.
    """

    def __init__(self, allowed: Mixing, tuning_epochs: int, seed: int) -> None:
        kind = kind_of_table(next(iter(allowed)))
        self.tuning_epochs = tuning_epochs
        self.rows: dict[int, list[int]] = {}  # rows of each node with edges to drop
        for row, (node, _) in enumerate(edges(kind)):
            self.rows.setdefault(node, []).append(row)
        self.kept = EDGES_OF_NODE.get(kind, len(self.rows))
        self.rows = {node: rows for node, rows in self.rows.items() if len(rows) > self.kept}
        self.first = 0 if kind == "nasbench201" else 1  # other spaces exclude `none`
        self.order: dict[str, tuple[list[int], list[int]]] = {}
        for number, name in enumerate(allowed):
            random = np.random.default_rng([seed % 2**32, number])
            self.order[name] = (random.permutation(len(edges(kind))).tolist(),
                                random.permutation(list(self.rows)).astype(int).tolist())
        self.epochs = (len(edges(kind)) + len(self.rows)) * tuning_epochs

    def choose(self, turn: int, mixing: Callable[[], Mixing], allowed: Mixing, score: Score
               ) -> None:
        """Make the choice due in epoch `turn` of the selection, updating `allowed`.

        `mixing` returns the operation weights under the current `allowed`.
        """
        number, rest = divmod(turn - 1, self.tuning_epochs)
        if rest:
            return
        for name, (rows, nodes) in self.order.items():
            if number < len(rows):
                self._operation(name, rows[number], mixing(), allowed, score)
            else:
                self._edges(name, nodes[number - len(rows)], mixing, allowed, score)

    def _operation(self, name: str, row: int, mixing: Mixing, allowed: Mixing, score: Score
                   ) -> None:
        """Keep the operation of an edge whose removal lowers the score most."""
        columns = [column for column in range(self.first, allowed[name].shape[1])
                   if allowed[name][row, column]]
        if not columns:
            return
        best = columns[0] if len(columns) == 1 else min(
            columns, key=lambda column: score(without(mixing, name, row, column)))
        allowed[name][row] = False
        allowed[name][row, best] = True

    def _edges(self, name: str, node: int, mixing: Callable[[], Mixing], allowed: Mixing,
               score: Score) -> None:
        """Drop edges of a node one by one, each the edge whose removal lowers the score least."""
        left = list(self.rows[node])
        while len(left) > self.kept:
            weights = mixing()
            dropped = max(left, key=lambda row: score(without(weights, name, row)))
            left.remove(dropped)
            allowed[name][dropped] = False


def without(mixing: Mixing, name: str, row: int, column: int | None = None) -> Mixing:
    """`mixing` with weight 0 for an operation, or for all operations of an edge."""
    table = mixing[name].clone()
    table[row, slice(None) if column is None else column] = 0
    return mixing | {name: table}
