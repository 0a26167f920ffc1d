"""Lays out a cell's graph in rows from the inputs down, without overlapping labels.

After Sugiyama et al. 1981: assign rows, then order each row for few crossings, then compute
coordinates.  An edge passes through the label of its operation, directly above its target node.
Where it crosses a row on its way down, it has a lane, shared by all edges from the same node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, combinations, permutations

PILL_HEIGHT = 22
RADIUS = 14
INPUT_WIDTH = 40
_CHARACTER = 6.65  # width of a character in a label
_PILL_GAP = 5
_LANE = 8
_ITEM_GAP = 14
_DROP = 15  # between an operation's label and its node
_ROW_GAP = 26  # minimum space between rows, for sideways lines
_ROW_HEIGHT = PILL_HEIGHT + _DROP + 2 * RADIUS
_MOST_MOVES = 2000  # far more than any published cell needs
_PILLS_IN_ROW = 4  # keeps two cells side by side readable on a page

#: node -> its edges: an operation ('' for a plain line) and the source node
Graph = dict[str, list[tuple[str, str]]]
Point = tuple[float, float]


@dataclass(frozen=True)
class Pill:
    """The label of an operation, around (x, y), on edge `number` of the graph, counted from 0."""

    operation: str
    x: float
    y: float
    width: float
    source: str = ""
    target: str = ""
    number: int = 0


@dataclass(frozen=True)
class Line:
    """A line through `points`, vertical inside rows; `operation` is that of the pill it enters."""

    points: tuple[Point, ...]
    operation: str = ""


@dataclass(frozen=True)
class Layout:
    """All elements of a drawing, from (0, 0) to (width, height)."""

    width: float
    height: float
    nodes: dict[str, Point]
    pills: list[Pill]
    lines: list[Line]
    bar: tuple[float, float, float]  # the output: left, right, y


def pill_width(operation: str) -> float:
    """The width of an operation's label, or of a node for a plain line."""
    return len(operation) * _CHARACTER + 11 if operation else 2 * RADIUS


def place(graph: Graph, inputs: list[str], outputs: list[str]) -> Layout:
    """Lay out `graph`, whose nodes are in topological order.

    `inputs` form the first row; `outputs` are joined in a bar below all rows.
    """
    placing = _Placing(graph, inputs, outputs)
    placing.order_rows()
    return placing.layout()


@dataclass(frozen=True)
class _Item:
    """An element of a row: a node with its operations, or a lane for edges from a node."""

    node: str
    is_lane: bool
    width: float


#: x of the center of every item of a row, by node and whether it is a lane.
_Centers = dict[tuple[str, bool], float]
#: x in the row above, x here, the item here, and the operation, source and number of a pill.
_Segment = tuple[float, float, _Item, tuple[str, str, int] | None]


class _Placing:
    def __init__(self, graph: Graph, inputs: list[str], outputs: list[str]) -> None:
        self.graph, self.outputs = graph, outputs
        self.row_of = _rows(graph, inputs)
        self.rank = {node: number for number, node in enumerate(graph)}
        self.first = dict(zip(graph, accumulate(map(len, graph.values()), initial=0)))
        self.count = 1 + max(self.row_of.values())
        last_use = dict(self.row_of)
        for node, edges in graph.items():
            for _, source in edges:
                last_use[source] = max(last_use[source], self.row_of[node])
        for node in outputs:
            last_use[node] = self.count
        self.rows: list[list[_Item]] = [[] for _ in range(self.count)]
        for node in graph:
            row = self.row_of[node]
            self.rows[row].append(_Item(node, False, self._width(node)))
            for passed in range(row + 1, last_use[node]):
                self.rows[passed].append(_Item(node, True, _LANE))

    def _width(self, node: str) -> float:
        widths = [pill_width(operation) for operation, _ in self.graph[node]]
        if not widths and self.row_of[node] == 0:
            return INPUT_WIDTH + 20
        return max(sum(widths) + _PILL_GAP * (len(widths) - 1), 2 * RADIUS)

    # --- order -----------------------------------------------------------------------------

    def order_rows(self) -> None:
        """Move items within their rows while the cost decreases, up to a limit of moves."""
        best, improved, tried = self._cost(), True, 0
        while improved and tried < _MOST_MOVES:
            improved = False
            for move in self._moves():
                tried += 1
                before = [list(row) for row in self.rows]
                move()
                cost = self._cost()
                if cost < best - 1e-6:
                    best, improved = cost, True
                else:
                    self.rows = before

    def _moves(self) -> Iterator[Callable[[], None]]:
        """The moves: relocate an item within its row, or swap two nodes in every row."""
        for number in range(1, self.count):
            for start, end in permutations(range(len(self.rows[number])), 2):
                yield lambda n=number, s=start, e=end: self.rows[n].insert(e, self.rows[n].pop(s))
        for one, other in combinations(self.graph, 2):
            yield lambda a=one, b=other: self._exchange(a, b)

    def _exchange(self, one: str, other: str) -> None:
        for row in self.rows[1:]:
            places = [i for i, item in enumerate(row) if item.node in (one, other)]
            if len(places) == 2:
                i, j = places
                row[i], row[j] = row[j], row[i]

    def _cost(self) -> float:
        """The cost: crossings first, then horizontal lengths of edges, then the order of nodes."""
        centers = [_packed(row) for row in self.rows]
        cost = 0.0
        for row in self.rows:
            ranks = [self.rank[item.node] for item in row if not item.is_lane]
            cost += 5 * sum(a > b for a, b in combinations(ranks, 2))
        for row in range(1, self.count):
            lines = [(top, bottom) for top, bottom, *_ in self._segments(row, centers)]
            for i, (top, bottom) in enumerate(lines):
                cost += abs(top - bottom)
                for other_top, other_bottom in lines[:i]:
                    if (top - other_top) * (bottom - other_bottom) < 0:
                        cost += 150
        return cost

    def _segments(self, row: int, centers: list[_Centers]) -> list[_Segment]:
        """The lines from the row above into `row`: x above, x here, the item here, the pill."""
        above, here = centers[row - 1], centers[row]

        def source_x(node: str) -> float:
            return above[node, self.row_of[node] < row - 1]

        segments: list[_Segment] = []
        for item in self.rows[row]:
            center = here[item.node, item.is_lane]
            if item.is_lane:
                segments.append((source_x(item.node), center, item, None))
                continue
            # Sorting operations by source avoids crossings.
            edges = sorted(enumerate(self.graph[item.node], start=self.first[item.node]),
                           key=lambda edge: source_x(edge[1][1]))
            left = center - self._width(item.node) / 2
            for number, (operation, source) in edges:
                width = pill_width(operation)
                x = left + width / 2 if operation else center
                left += width + _PILL_GAP
                segments.append((source_x(source), x, item, (operation, source, number)))
        return segments

    # --- coordinates -----------------------------------------------------------------------

    def _centers(self) -> list[_Centers]:
        """x of every item, close to its connected items and not overlapping its neighbors."""
        centers = [_packed(row) for row in self.rows]
        for sweep in range(30):
            for row in range(self.count) if sweep % 2 == 0 else reversed(range(self.count)):
                # Pulling to the center keeps the drawing narrow; strong pulls straighten lanes.
                pulls = {(item.node, item.is_lane): [(0.0, 0.3)] for item in self.rows[row]}
                if row:
                    for top, bottom, item, edge in self._segments(row, centers):
                        key = item.node, item.is_lane
                        pulls[key].append((top + centers[row][key] - bottom, 1 if edge else 5))
                if row + 1 < self.count:
                    for _, bottom, item, edge in self._segments(row + 1, centers):
                        source = edge[1] if edge else item.node
                        key = source, self.row_of[source] < row
                        pulls[key].append((bottom, 1 if edge else 5))
                centers[row] = _apart(self.rows[row], {
                    key: sum(x * weight for x, weight in all_of) / sum(w for _, w in all_of)
                    for key, all_of in pulls.items()
                })
        left = min(centers[row][item.node, item.is_lane] - item.width / 2
                   for row in range(self.count) for item in self.rows[row])
        return [{key: x - left for key, x in row.items()} for row in centers]

    def _tops(self, centers: list[_Centers]) -> list[float]:
        """y of the top of every row, with more space for long sideways lines."""
        tops: list[float] = [-PILL_HEIGHT - _DROP]  # the first row has nodes only, no operations
        for row in range(1, self.count):
            sideways = max((abs(top - x) for top, x, *_ in self._segments(row, centers)),
                           default=0.0)
            tops.append(tops[-1] + _ROW_HEIGHT + _ROW_GAP + min(18, sideways / 8))
        return tops

    def layout(self) -> Layout:
        """The layout for the current order of the rows."""
        centers = self._centers()
        tops = self._tops(centers)
        nodes = {node: (centers[row][node, False], tops[row] + _ROW_HEIGHT - RADIUS)
                 for node, row in self.row_of.items()}
        pills: list[Pill] = []
        lines: list[Line] = []
        for row in range(1, self.count):
            start = tops[row - 1] + _ROW_HEIGHT
            for top, x, item, edge in self._segments(row, centers):
                if edge is None:
                    end = (x, tops[row] + _ROW_HEIGHT)
                    lines.append(Line(((top, start), (x, tops[row]), end)))
                elif not edge[0]:
                    lines.append(Line(((top, start), (x, nodes[item.node][1] - RADIUS))))
                else:
                    pill = Pill(edge[0], x, tops[row] + PILL_HEIGHT / 2, pill_width(edge[0]),
                                edge[1], item.node, edge[2])
                    pills.append(pill)
                    lines.append(Line(((top, start), (x, tops[row])), edge[0]))
                    bottom = tops[row] + PILL_HEIGHT
                    into = (_entry(x, nodes[item.node][0]), nodes[item.node][1] - RADIUS + 1)
                    lines.append(Line(((x, bottom), into), edge[0]))
        bar_y = tops[-1] + _ROW_HEIGHT + _ROW_GAP + PILL_HEIGHT / 2
        ends = [centers[-1][node, self.row_of[node] < self.count - 1] for node in self.outputs]
        lines += [Line(((x, tops[-1] + _ROW_HEIGHT), (x, bar_y - PILL_HEIGHT / 2)))
                  for x in ends]
        width = max(centers[row][item.node, item.is_lane] + item.width / 2
                    for row in range(self.count) for item in self.rows[row])
        bar = (min(ends) - RADIUS, max(ends) + RADIUS, bar_y)
        return Layout(width, bar_y + PILL_HEIGHT / 2, nodes, pills, lines, bar)


def _rows(graph: Graph, inputs: list[str]) -> dict[str, int]:
    """The row of each node: below all its sources, with a limited number of operations."""
    row_of = dict.fromkeys(inputs, 0)
    load: dict[int, int] = {}
    for node, edges in graph.items():
        if node in row_of:
            continue
        row = 1 + max((row_of[source] for _, source in edges), default=0)
        weight = max(1, len(edges))
        while load.get(row) and load[row] + weight > _PILLS_IN_ROW:
            row += 1
        load[row] = load.get(row, 0) + weight
        row_of[node] = row
    # Renumber without gaps.
    numbers = {row: number for number, row in enumerate(sorted(set(row_of.values())))}
    return {node: numbers[row] for node, row in row_of.items()}


def _entry(x: float, node_x: float) -> float:
    """The x coordinate where a line from `x` meets the upper half of a node."""
    return node_x + max(-RADIUS / 2, min(RADIUS / 2, (x - node_x) / 8))


def _packed(row: list[_Item]) -> _Centers:
    """x of the items of a row, packed side by side around 0."""
    total = sum(item.width for item in row) + _ITEM_GAP * (len(row) - 1)
    centers: _Centers = {}
    x = -total / 2
    for item in row:
        centers[item.node, item.is_lane] = x + item.width / 2
        x += item.width + _ITEM_GAP
    return centers


def _apart(row: list[_Item], targets: _Centers) -> _Centers:
    """The non-overlapping positions closest to `targets`, in the order of `row` (least squares).

    Items that would overlap are merged into blocks that keep their mean.
    """
    offsets: list[float] = []
    x = 0.0
    for before, item in zip([None, *row], row):
        x += (before.width + item.width) / 2 + _ITEM_GAP if before else 0
        offsets.append(x)
    blocks: list[list[float]] = []  # sum of targets minus offsets, number of items
    for item, offset in zip(row, offsets):
        blocks.append([targets[item.node, item.is_lane] - offset, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, number = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += number
    places = [total / number for total, number in blocks for _ in range(int(number))]
    return {(item.node, item.is_lane): place + offset
            for item, place, offset in zip(row, places, offsets)}
