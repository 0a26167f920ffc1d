"""How many edges apart two cells are: the graph edit distance of their live parts.

Sanfeliu & Fu 1983, A distance measure between attributed relational graphs.  An edit changes the
operation of an edge, adds or removes one, or takes a node into the output or out of it; nodes come
and go with their edges.  The distance is the fewest edits over all ways to match the nodes, found
by branch and bound; dead edges do not count, as in `zoo.genotypes.canonical`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict

from zoo.genotypes.canonical import Graph, graphs
from zoo.genotypes.serialization import Genotype


def edit_distance(one: Genotype, other: Genotype, most: int | None = None) -> int | None:
    """The fewest edits from one genotype to another of its kind, summed over their cells; 0 if and
    only if their canonical forms are equal.  None where there are more than `most`, which is found
    sooner.

    Raises ValueError for genotypes of two kinds, TypeError for hierarchical ones.

    Examples:
        >>> import zoo
        >>> from zoo.genotypes.edit_distance import edit_distance
        >>> edit_distance(zoo.genotype("DARTS_V1"), zoo.genotype("DARTS_V2"))
        7
    """
    if one.kind != other.kind:
        raise ValueError(f"a {one.kind} and a {other.kind} cell have no edges in common")
    mine, theirs = graphs(one), graphs(other)
    total = 0
    for name in mine:
        found = _Match(mine[name], theirs[name], None if most is None else most - total).fewest
        if found is None:
            return None
        total += found
    return total


class _Match:
    """The best way to match the nodes of two graphs; `fewest` edits, None for more than `most`.

    Nodes of the larger graph are matched in their order, so that the sources of its edges come
    before them; the smaller one gets nodes without edges.
    """

    def __init__(self, one: Graph, other: Graph, most: int | None) -> None:
        self.one, self.other = ((one, other) if len(one.nodes) >= len(other.nodes)
                                else (other, one))
        self.numbers = range(one.inputs, one.inputs + len(self.one.nodes))
        self.mine, self.theirs = _edges(self.one), _edges(self.other)
        self.best = math.inf if most is None else most + 1
        inputs = {number: number for number in range(one.inputs)}
        self._match(one.inputs, inputs, sum(
            (number in one.outputs) != (number in other.outputs) for number in inputs))
        self.fewest = None if most is not None and self.best > most else int(self.best)

    def _match(self, number: int, places: dict[int, int], cost: int) -> None:
        """Match `number` and all after it; those before it lie at `places` and cost so much."""
        if number not in self.numbers:
            self.best = min(self.best, cost)
            return
        steps: list[tuple[int, int, int]] = []
        for place in set(self.numbers).difference(places.values()):
            now = cost + self._cost(number, place, places)
            least = now + self._least(number + 1, places | {number: place})
            steps.append((least, now, place))
        for least, now, place in sorted(steps):
            if least < self.best:
                self._match(number + 1, places | {number: place}, now)

    def _cost(self, number: int, place: int, places: dict[int, int]) -> int:
        """Edits of the edges between a node and those matched before it, and of the output."""
        cost = int((number in self.one.outputs) != (place in self.other.outputs))
        for source, there in places.items():
            cost += _changes(self.mine.get((source, number), _NONE),
                             self.theirs.get((there, place), _NONE))
            cost += self.theirs.get((place, there), _NONE).total()  # against the order of `one`
        return cost

    def _least(self, first: int, places: dict[int, int]) -> int:
        """No way to match `first` and the nodes after it costs less: operations from each matched
        node to all others, among the others, and back, whichever edges they lie on."""
        matched = set(places.values())
        mine: dict[object, Counter[str]] = defaultdict(Counter)
        theirs: dict[object, Counter[str]] = defaultdict(Counter)
        for (source, target), names in self.mine.items():
            if target >= first:
                mine[places.get(source)].update(names)
        for (source, target), names in self.theirs.items():
            if target not in matched:
                theirs[source if source in matched else None].update(names)
            elif source not in matched:
                theirs["back"].update(names)
        outputs = (sum(number >= first for number in self.one.outputs)
                   - sum(number not in matched for number in self.other.outputs))
        return abs(outputs) + sum(_changes(mine[place], theirs[place])
                                  for place in mine.keys() | theirs.keys())


_NONE: Counter[str] = Counter()


def _edges(found: Graph) -> dict[tuple[int, int], Counter[str]]:
    """The operations from each node to each later one."""
    edges: dict[tuple[int, int], Counter[str]] = {}
    for target, into in enumerate(found.nodes, found.inputs):
        for name, source in into:
            edges.setdefault((source, target), Counter())[name] += 1
    return edges


def _changes(one: Counter[str], other: Counter[str]) -> int:
    """Edits between the operations from one node to another."""
    return max((one - other).total(), (other - one).total())
