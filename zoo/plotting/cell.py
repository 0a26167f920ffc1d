"""Draws a genotype as SVG, without Graphviz.

Follows the figures of Liu et al. 2019 (arXiv 1806.09055): the inputs are c_{k-2} and c_{k-1}, the
output is c_{k}.  Nodes are numbered as in `Genotype(...)`, with intermediate nodes 2, 3, ... after
the two inputs.  In a recurrent cell the inputs are x_t and h_{t-1}, and node 0 is the gated initial
state.  In the other kinds node 0 is the input: a node of a hierarchical cell or motif concatenates
its edges, a node of a NAS-Bench-201 cell sums them, without drawing `none` edges.

Data attributes name the parts for programs: `data-cell` the cells, `data-node` the nodes, and
`data-edge` the edges, by their number in the cell, source and target.

Light colors are attributes, replaced by a media query in dark mode, so drawings work as an <img>,
under a strict Content-Security-Policy, and in programs without CSS.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from zoo.genotypes.cell import Cell
from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.serialization import Genotype
from zoo.plotting.layout import (
    INPUT_WIDTH,
    PILL_HEIGHT,
    RADIUS,
    Graph,
    Layout,
    Line,
    Pill,
    Point,
    place,
)

_MARGIN = 20
_CELL_GAP = 44
_HEADING = 66  # height of the title and headings above the cells
_TITLE = 30  # height of the title alone
_MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"

# family: (fill, stroke, text) in light mode, and in dark mode
_FAMILIES = {
    "separable": (("#dbe8fd", "#5b8def", "#16386f"), ("#1c3357", "#5b8def", "#d3e3ff")),
    "dilated": (("#eadffb", "#9a6fe0", "#482183"), ("#38264f", "#a585e0", "#eadffb")),
    "convolution": (("#fde6d2", "#e08a3c", "#6f3a08"), ("#4d2f14", "#dd9450", "#ffe3ca")),
    "max": (("#d9f2df", "#48a868", "#11502a"), ("#173d26", "#4fae70", "#d3f3dc")),
    "average": (("#d3f1f1", "#2ba3a3", "#0b4b4b"), ("#113c3d", "#3fb0b0", "#cdf2f2")),
    "skip": (("#eef0f3", "#8b95a3", "#38414d"), ("#2c323b", "#8b95a3", "#e3e7ec")),
    "none": (("#ffffff", "#a0a7b1", "#5b6470"), ("#14171c", "#6c7580", "#a9b1bc")),
}
# part of the drawing: (attribute, light color, dark color)
_PARTS = {
    "line": ("stroke", "#7c8796", "#8792a2"),
    "ink": ("fill", "#1d2530", "#e8ecf2"),
    "quiet": ("fill", "#596473", "#a9b3c0"),
}
_ONE_INPUT = ("hierarchical", "nasbench201")  # kinds that read only the previous cell
_INPUT = (("#2f3a48", "#2f3a48", "#ffffff"), ("#d9dfe8", "#d9dfe8", "#10151c"))
_NODE = (("#ffffff", "#2f3a48", "#1d2530"), ("#1a2029", "#d9dfe8", "#e8ecf2"))


def svg(genotype: Genotype, title: str, only: str | None = None) -> str:
    """Draw the cells of `genotype`; return the text of an SVG file.  The `title` may be empty.

    `only` selects a single cell ("normal", "reduce", "recurrent", "cell").
    """
    cells = {name: cell for name, cell in genotype.cells().items() if only in (None, name)}
    drawings = []
    for name, cell in cells.items():
        graph, inputs, outputs = cell_graph(cell, genotype.kind)
        layout = place(graph, inputs, outputs)
        empty = {node for node, edges in graph.items() if not edges and node not in inputs}
        drawings.append((_heading(genotype, name), layout, [
            *_lines(layout.lines), *map(_pill, layout.pills), *_nodes(layout, inputs, empty),
            _bar(layout, *_output(genotype.kind, name))]))
    rooms = [max(layout.width, len(heading) * 8) for heading, layout, _ in drawings]
    places, width, height = _side_by_side(rooms, [layout.height for _, layout, _ in drawings])
    parts = []
    for name, (heading, layout, drawn), room, (x, y) in zip(cells, drawings, rooms, places):
        parts.append(f'<text x="{_n(x + room / 2)}" y="{_n(y - 18)}" font-size="13" '
                     f'class="quiet" fill="{_PARTS["quiet"][1]}" text-anchor="middle">{heading}'
                     "</text>")
        parts += [f'<g data-cell={quoteattr(name)} '
                  f'transform="translate({_n(x + (room - layout.width) / 2)} {_n(y)})">',
                  *drawn, "</g>"]
    width = max(width, len(title) * 10 + _MARGIN) + _MARGIN
    top = 0 if title else _TITLE
    height += _MARGIN - top
    identifier = "cell-" + "".join(c if c.isalnum() and c.isascii() else "-" for c in title)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 {top} {_n(width)} {_n(height)}" role="img" '
        f'aria-labelledby={quoteattr(f"{identifier}-title {identifier}-desc")} '
        f'font-family="{_SANS}">',
        f'<title id="{identifier}-title">{escape(title)}</title>',
        f'<desc id="{identifier}-desc">{escape(_description(cells, genotype.kind))}</desc>',
        f"<style>@media (prefers-color-scheme: dark) {{\n{_dark_style()}\n}}</style>",
        f'<text x="{_n(width / 2)}" y="{_MARGIN + 8}" font-size="17" font-weight="600" '
        f'class="ink" fill="{_PARTS["ink"][1]}" text-anchor="middle">{escape(title)}</text>',
        *parts,
        "</svg>",
        "",
    ])


def _heading(genotype: Genotype, name: str) -> str:
    if isinstance(genotype, HierarchicalGenotype):
        used = {genotype.title(*motif) for motif in genotype.used()}
        return name if name in used else f"{name}, not used"
    if name == "cell":
        return name
    return "reduction cell" if name == "reduce" else f"{name} cell"


def _output(kind: str, name: str) -> tuple[str, str, str]:
    """The label of the output bar: a letter, its index, and how the nodes are combined."""
    if kind == "hierarchical":  # the last node already concatenates
        return "output" if name == "cell" else "conv_1x1_relu", "", ""
    if kind == "nasbench201":
        return "output", "", ""
    return ("h", "t", "mean") if kind == "recurrent" else ("c", "k", "concat")


def _side_by_side(widths: Sequence[float], heights: Sequence[float]
                  ) -> tuple[list[Point], float, float]:
    """Arrange drawings: the first on the left, the others next to it in up to two columns.

    Returns the upper left corners, and the right and bottom edges of the whole.
    """
    x, columns = _MARGIN + widths[0] + _CELL_GAP, min(2, len(widths) - 1)
    y, below = _MARGIN + _HEADING - 14, heights[0]
    places: list[Point] = [(_MARGIN, y)]
    lefts = [x + sum(max(widths[1 + before::columns]) + _CELL_GAP for before in range(column))
             for column in range(columns)]
    for start in range(1, len(widths), columns or 1):
        row = heights[start:start + columns]
        places += [(left, y) for left, _ in zip(lefts, row)]
        below = max(below, y + max(row) - places[0][1])
        y += max(row) + _HEADING
    right = max(place[0] + width for place, width in zip(places, widths))
    return places, right, places[0][1] + below


def cell_graph(cell: Cell, kind: str) -> tuple[Graph, list[str], list[str]]:
    """The cell as a graph of labels, its inputs, and its output nodes."""
    graph: Graph
    if kind in _ONE_INPUT:
        names = [str(number) for number in range(len(cell.nodes) + 1)]
        inputs, graph, first = ["0"], {"0": []}, 1
    elif kind == "recurrent":
        names = [str(number) for number in range(len(cell.nodes) + 1)]
        inputs = ["x_t", "h_t-1"]
        graph = {name: [] for name in inputs} | {"0": [("", name) for name in inputs]}
        first = 1
    else:
        inputs = ["c_k-2", "c_k-1"]
        names = inputs + [str(number) for number in range(2, len(cell.nodes) + 2)]
        graph = {name: [] for name in inputs}
        first = 2
    for number, edges in enumerate(cell.nodes, start=first):
        graph[names[number]] = [(operation, names[source]) for operation, source in edges
                                if kind != "nasbench201" or operation != "none"]
    # A node without edges does not contribute to the output.
    outputs = [names[number] for number in cell.concat
               if number < first or cell.nodes[number - first] or kind in _ONE_INPUT]
    return graph, inputs, outputs


def _description(cells: dict[str, Cell], kind: str) -> str:
    """A text alternative to the drawing, for screen readers."""
    sentences = []
    for name, cell in cells.items():
        graph, inputs, outputs = cell_graph(cell, kind)
        plus = ", " if kind == "hierarchical" else " + "
        nodes = "; ".join(
            f"node {node} = " + (plus.join(f"{operation} of {source}"
                                           for operation, source in edges) or "no edges")
            for node, edges in graph.items() if node.isdigit() and node not in inputs and not (
                edges and not edges[0][0])  # the gated initial state has no operation
        )
        if kind == "hierarchical":
            last = outputs[0] if name == "cell" else f"conv_1x1_relu of {outputs[0]}"
            sentences.append(f"{name}: {nodes}, each a concatenation; output = {last}.")
            continue
        if kind == "nasbench201":
            sentences.append(f"{name}: {nodes}; output = node {outputs[0]}.")
            continue
        joined = "mean" if kind == "recurrent" else "concatenation"
        sentences.append(f"{name} cell: {nodes}; output = {joined} of {', '.join(outputs)}.")
    return " ".join(sentences)


# --- parts of the drawing -----------------------------------------------------------------


def family(operation: str) -> str:
    """The family of an operation, which determines its colors."""
    if operation in ("none", "skip_connect", "identity"):
        return "none" if operation == "none" else "skip"
    for beginning, name in (("max_", "max"), ("avg_", "average"), ("sep_", "separable"),
                            ("dep_", "separable"), ("dil_", "dilated"), ("motif_", "dilated"),
                            ("tanh", "separable"), ("sigmoid", "dilated"),
                            ("relu", "convolution")):
        if operation.startswith(beginning):
            return name
    return "convolution"


def _lines(lines: list[Line]) -> list[str]:
    out = [f'<g fill="none" stroke-width="1.5" class="line" stroke="{_PARTS["line"][1]}">']
    for line in lines:
        (x, y), *rest = line.points
        path = f"M{_n(x)} {_n(y)}"
        for i, (to_x, to_y) in enumerate(rest):
            if to_x == x or i:  # straight down inside a row
                path += f"L{_n(to_x)} {_n(to_y)}"
            else:
                middle = _n((y + to_y) / 2)
                path += f"C{_n(x)} {middle} {_n(to_x)} {middle} {_n(to_x)} {_n(to_y)}"
            x, y = to_x, to_y
        dashes = ' stroke-dasharray="3 3"' if line.operation == "none" else ""
        out.append(f'<path d="{path}"{dashes}/>')
    return [*out, "</g>"]


def _pill(pill: Pill) -> str:
    name = family(pill.operation)
    fill, stroke, ink = _FAMILIES[name][0]
    dashes = ' stroke-dasharray="3 3"' if name == "none" else ""
    return (
        f'<rect data-edge="{pill.number} {pill.source} {pill.target}" '
        f'x="{_n(pill.x - pill.width / 2)}" y="{_n(pill.y - PILL_HEIGHT / 2)}" '
        f'width="{_n(pill.width)}" height="{PILL_HEIGHT}" rx="6" class="{name}" fill="{fill}" '
        f'stroke="{stroke}"{dashes}/>'
        f'<text x="{_n(pill.x)}" y="{_n(pill.y + 3.8)}" font-size="11" text-anchor="middle" '
        f'font-family="{_MONO}" class="{name}-text" fill="{ink}">{escape(pill.operation)}</text>'
    )


def _nodes(layout: Layout, inputs: list[str], empty: set[str]) -> list[str]:
    out = []
    for node, (x, y) in layout.nodes.items():
        name, (fill, stroke, ink) = ("input", _INPUT[0]) if node in inputs else ("node", _NODE[0])
        half = INPUT_WIDTH / 2 if node in inputs else RADIUS
        dashes = ' stroke-dasharray="3 3" opacity="0.6"' if node in empty else ""
        out.append(
            f'<rect data-node="{node}" x="{_n(x - half)}" y="{_n(y - RADIUS)}" '
            f'width="{_n(2 * half)}" height="{2 * RADIUS}" rx="{RADIUS}" class="{name}" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="1.5"{dashes}/>'
            + _label(x, y, name, ink, *node.partition("_")[::2])
        )
    return out


def _bar(layout: Layout, letter: str, index: str, joined: str) -> str:
    left, right, y = layout.bar
    middle, half = (left + right) / 2, max((right - left) / 2, 52)
    rest = f" = {joined}" if joined else ""
    fill, stroke, ink = _INPUT[0]
    return (
        f'<rect x="{_n(middle - half)}" y="{_n(y - PILL_HEIGHT / 2)}" width="{_n(2 * half)}" '
        f'height="{PILL_HEIGHT}" rx="{PILL_HEIGHT // 2}" class="input" fill="{fill}" '
        f'stroke="{stroke}"/>' + _label(middle, y, "input", ink, letter, index, rest)
    )


def _label(x: float, y: float, name: str, ink: str, letter: str, index: str,
           rest: str = "") -> str:
    lowered = f'<tspan dy="3" font-size="9">{index.replace("-", "−")}</tspan>' if index else ""
    after = f'<tspan dy="{-3 if index else 0}">{rest}</tspan>' if rest else ""
    return (f'<text x="{_n(x)}" y="{_n(y + 4.2)}" font-size="12.5" text-anchor="middle" '
            f'class="{name}-text" fill="{ink}">{letter}{lowered}{after}</text>')


def _dark_style() -> str:
    boxes = {name: dark for name, (_, dark) in _FAMILIES.items()}
    boxes |= {"input": _INPUT[1], "node": _NODE[1]}
    rules = [f".{name}{{fill:{fill};stroke:{stroke}}}.{name}-text{{fill:{ink}}}"
             for name, (fill, stroke, ink) in boxes.items()]
    rules += [f".{name}{{{attribute}:{dark}}}" for name, (attribute, _, dark) in _PARTS.items()]
    return "\n".join(rules)


def _n(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
