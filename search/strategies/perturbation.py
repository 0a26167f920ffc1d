"""Selection by perturbation: an operation is as strong as the accuracy that its removal costs.

Wang et al. 2021, Rethinking Architecture Selection in Differentiable NAS (DARTS-PT, arXiv
2108.04392, algorithm 1): after the search, edge by edge in random order, keep the operation
without which the supernet is the worst on validation data; then, node by node, drop the edge
without which it is the best, until as many are left as a cell has.  After each choice the supernet
is tuned for some epochs, at a tenth of the learning rate.  As in the release, a choice is made in
every cell at once.

Any supernet with alphas can be discretized so; a choice is one operation or edge less that is
`allowed` (see `search.supernets.base.Alphas`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from search.spaces.discretize import EDGES_OF_NODE, Mixing, edges, kind_of_table

#: The supernet on validation data with these weights; greater is better.
Score: TypeAlias = Callable[[Mixing], tuple[float, ...]]


class Perturbation:
    """The choices that turn the `allowed` operations into one cell.

    `epochs` is their number times `tuning_epochs`.  Their order follows from the seed.
    """

    def __init__(self, allowed: Mixing, tuning_epochs: int, seed: int) -> None:
        kind = kind_of_table(next(iter(allowed)))
        self.tuning_epochs = tuning_epochs
        self.rows: dict[int, list[int]] = {}  # of each node that has edges to drop
        for row, (node, _) in enumerate(edges(kind)):
            self.rows.setdefault(node, []).append(row)
        self.kept = EDGES_OF_NODE.get(kind, len(self.rows))
        self.rows = {node: rows for node, rows in self.rows.items() if len(rows) > self.kept}
        self.first = 0 if kind == "nasbench201" else 1  # elsewhere a cell cannot have `none`
        self.order: dict[str, tuple[list[int], list[int]]] = {}
        for number, name in enumerate(allowed):
            random = np.random.default_rng([seed % 2**32, number])
            self.order[name] = (random.permutation(len(edges(kind))).tolist(),
                                random.permutation(list(self.rows)).astype(int).tolist())
        self.epochs = (len(edges(kind)) + len(self.rows)) * tuning_epochs

    def choose(self, turn: int, mixing: Callable[[], Mixing], allowed: Mixing, score: Score
               ) -> None:
        """Make the choice that is due in epoch `turn` of the selection, in `allowed`.

        `mixing` gives the weights of the operations, given the current `allowed`.
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
        """Keep the operation of an edge without which the score is the lowest."""
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
        """Drop the edges of a node without which the score is the highest, one by one."""
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
