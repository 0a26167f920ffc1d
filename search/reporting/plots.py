"""Plots of runs for papers and slides, with matplotlib: SVG, PNG or PDF, by the file's suffix.

Colors are the color-blind safe palette of Okabe & Ito, each with its own line style.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from search.reporting.compare import Comparison, best_over_cost
from search.reporting.front import front_cells, label
from search.reporting.history import RunRecord
from zoo.runs.tensorboard import finite

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
STYLES = ("-", "--", "-.", ":")
SUFFIXES = (".svg", ".png", ".pdf")
_STYLE: dict[RcKeyType, Any] = {
    "svg.hashsalt": "genotype-zoo", "svg.fonttype": "none", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25,
    "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "legend.frameon": False,
}
# As in the drawing of a cell; the larger kernel is darker.
_OPERATIONS = {
    "skip_connect": "#8b95a3", "identity": "#8b95a3", "none": "#e3e6eb",
    "max_pool_3x3": "#48a868", "avg_pool_3x3": "#2ba3a3",
    "sep_conv_3x3": "#7aa5f5", "sep_conv_5x5": "#2c5fc0",
    "dil_conv_3x3": "#b994ee", "dil_conv_5x5": "#7440c2", "noise": "#e08a3c",
    "tanh": "#7aa5f5", "sigmoid": "#b994ee", "relu": "#e08a3c",
}

Panel: TypeAlias = Callable[["Axes"], None]


def plot_comparison(comparison: Comparison, path: Path | str) -> Path:
    """Plot the best value so far against cost: the mean of each group ± one standard deviation."""
    def panel(axes: Axes) -> None:
        for number, group in enumerate(comparison.groups):
            cost, mean, deviation = group.curve()
            color, style = COLORS[number % len(COLORS)], STYLES[number % len(STYLES)]
            what = "supernet" if group.shares_weights else "cells"
            several = f", {len(group.runs)} seeds" if len(group.runs) > 1 else ""
            axes.step(cost, mean, style, where="post", color=color,
                      label=f"{group.label} ({what}{several})")
            if len(cost):
                axes.plot(cost[-1], mean[-1], "o", color=color, markersize=4)
            if len(group.runs) > 1:
                axes.fill_between(cost, mean - deviation, mean + deviation, step="post",
                                  color=color, alpha=0.18, linewidth=0)
        _measure(axes, comparison.metric)
        _costs(axes, comparison.unit)
        axes.set(xlim=(0, None),
                 ylabel=f"best validation {comparison.metric} so far",
                 title=f"{comparison.data}, {comparison.space} space")
        axes.legend(loc="best")

    return save([panel], path, width=6.4, height=4.0)


def plot_run(record: RunRecord, path: Path | str) -> Path:
    """Plot the curves of a run and the operations of its cells over the epochs.

    Raises ValueError for a run without a finished epoch.
    """
    if not record.rows:
        raise ValueError(f"{record.folder} has no finished epoch yet; wait for one")
    panels = _curves(record) + _counts(record)
    return save(panels, path, title=f"{record.strategy} on {record.data}, seed {record.seed}")


def _curves(record: RunRecord) -> list[Panel]:
    metric = record.metric
    groups = [("loss", {"training": "train_loss", "validation": "valid_loss"}),
              (metric, {"training": f"train_{metric}", "validation": f"valid_{metric}",
                        "only the cell": f"discrete_{metric}"})]
    panels: list[Panel | None] = [
        _lines(record, title, {name: [row.get(key) for row in record.rows]
                               for name, key in keys.items()}, metric)
        for title, keys in groups] if record.shares_weights else [
            _candidates(record), *(_front(record, name) for name in record.objectives)]
    for title, key in (("entropy of alpha (nats)", "entropy"),
                       ("skip connections", "skip_connections")):
        cells = record.rows[-1].get(key) or {}
        panels.append(_lines(record, title, {
            cell: [(row.get(key) or {}).get(cell) for row in record.rows] for cell in cells}, ""))
    return [panel for panel in panels if panel is not None]


def _lines(record: RunRecord, title: str, series: dict[str, list], metric: str) -> Panel | None:
    series = {name: [math.nan if finite(value) is None else value for value in values]
              for name, values in series.items()}
    series = {name: values for name, values in series.items() if not all(map(math.isnan, values))}
    if not series:
        return None

    def panel(axes: Axes) -> None:
        epochs = range(1, len(record.rows) + 1)
        for number, (name, values) in enumerate(series.items()):
            axes.plot(epochs, values, STYLES[number % 4], color=COLORS[number], label=name,
                      marker="o" if len(values) == 1 else "")
        if title == metric:
            _measure(axes, metric)
        if all(float(value).is_integer() for values in series.values() for value in values):
            axes.locator_params(axis="y", integer=True)
        _epochs(axes, record)
        axes.set_title(title + (" of the supernet" if title in ("loss", metric) else ""))
        axes.legend()
    return panel


def _candidates(record: RunRecord) -> Panel:
    def panel(axes: Axes) -> None:
        places: list[tuple[float, float | None]] = []
        cost: float = 0
        for row, total in zip(record.rows, record.cost):
            for one in row.get("candidates") or ():
                cost += finite(one.get(record.unit)) or 0
                places.append((cost, finite(one.get(f"valid_{record.metric}"))))
            cost = total
        places = [place for place in places if place[1] is not None]
        if places:
            axes.plot(*zip(*places), "o", color=COLORS[0], markersize=3.5, alpha=0.6,
                      label="candidates")
        if steps := best_over_cost(record):
            axes.step(*zip(*steps), where="post", color=COLORS[1], label="best so far")
        _measure(axes, record.metric)
        _costs(axes, record.unit)
        axes.set_title(f"validation {record.metric}")
        axes.legend()
    return panel


def _front(record: RunRecord, objective: str) -> Panel:
    """All candidates by an objective and the metric, and those on the front."""
    metric = f"valid_{record.metric}"

    def places(cells: Iterable[dict[str, Any]]) -> list[tuple[float, float]]:
        pairs = ((finite((one.get("measures") or {}).get(objective)), finite(one.get(metric)))
                 for one in cells)
        return [(cost, value) for cost, value in pairs if cost is not None and value]

    def panel(axes: Axes) -> None:
        every = places(one for row in record.rows for one in row.get("candidates") or ())
        if every:
            axes.plot(*zip(*every), "o", color=COLORS[0], markersize=3.5, alpha=0.5,
                      label="candidates")
        if best := sorted(places(front_cells(record))):
            alone = len(record.objectives) == 1
            axes.plot(*zip(*best), "o-" if alone else "o", color=COLORS[1], markersize=4,
                      drawstyle="steps-post", label="front")
        _measure(axes, record.metric)
        _large(axes)
        axes.set_xlabel(label(objective))
        axes.set_title(f"front by {objective}")
        axes.legend()
    return panel


def _counts(record: RunRecord) -> list[Panel]:
    """Stacked counts of the operations of each cell, epoch by epoch."""
    cells = record.rows[-1].get("operations") or {}
    rows = [row.get("operations") or {} for row in record.rows]

    def panel_of(cell: str) -> Panel:
        names = {name for row in rows for name in row.get(cell) or {}}
        order = [name for name in _OPERATIONS if name in names]
        order += sorted(names - set(order))

        def panel(axes: Axes) -> None:
            base = [0] * len(rows)
            for name in order:
                counts = [(row.get(cell) or {}).get(name, 0) for row in rows]
                axes.bar(range(1, len(rows) + 1), counts, bottom=base, label=name, width=0.9,
                         color=_OPERATIONS.get(name, "#e08a3c"))
                base = [below + count for below, count in zip(base, counts)]
            _epochs(axes, record)
            axes.grid(visible=False)
            axes.set_title(f"operations of the {cell} cell")
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=7, reverse=True)
        return panel

    return [panel_of(cell) for cell in cells]


def _epochs(axes: Axes, record: RunRecord) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if record.chosen_epoch:
        axes.axvline(record.chosen_epoch, color="#14693f", linewidth=1, linestyle=":")


def _costs(axes: Axes, unit: str) -> None:
    axes.set_xlabel(f"{unit} seen by training")
    _large(axes)


def _large(axes: Axes) -> None:
    """Write 20000 as 20k."""
    from matplotlib.ticker import EngFormatter

    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _measure(axes: Axes, metric: str) -> None:
    if metric == "accuracy":
        from matplotlib.ticker import PercentFormatter

        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))


def save(panels: list[Panel], path: Path | str, title: str = "", width: float = 3.8,
          height: float = 2.7) -> Path:
    """Draw the panels, three a row, each `width` by `height` inches.  Raises ValueError for another
    suffix, and without matplotlib."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path} does not end in {', '.join(SUFFIXES)}, which select the "
                         "format; choose another file name with -o")
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise ValueError("plots need matplotlib: pip install 'genotype-zoo[search]'") from None
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    content = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure((width * columns, height * rows + (0.3 if title else 0)),
                        layout="constrained")
        for place, panel in enumerate(panels, start=1):
            panel(figure.add_subplot(rows, columns, place))
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
        # no date, so that the same runs give the same file
        stamp = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        figure.savefig(content, format=path.suffix[1:].lower(), dpi=160,
                       metadata=stamp.get(path.suffix.lower()))
    part = path.with_name(path.name + ".part")
    part.write_bytes(content.getvalue())
    os.replace(part, path)
    return path
