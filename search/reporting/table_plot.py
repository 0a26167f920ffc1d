"""The curve of searches against a table: the best cell so far over the cells evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search.reporting.plots import COLORS, STYLES, Panel, save
from search.tables.config import TableConfig
from search.tables.rows import RANDOM, SEEDS, read_rows
from search.tables.summary import curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_tables(runs: Sequence[tuple[Path, TableConfig]], path: Path, best: float | None = None,
                front: Sequence[Sequence[float]] = ()) -> Path:
    """Plot the mean of `judge_by` with its 95 % interval for each run and for the random search of
    the first run, and a line at the `best` of the table; with objectives, the cells of the fronts
    that all seeds found over the true `front` ([row, `judge_by`, objectives...]).

    Raises ValueError for an unknown suffix.
    """
    curves = [(config.strategy, *curve(rows, config.budget), len(rows)) for folder, config in runs
              if (rows := read_rows(folder / SEEDS, config))]
    folder, config = runs[0]
    if config.strategy != "random" and (rows := read_rows(folder / RANDOM, config)):
        curves.append(("random", *curve(rows, config.budget), len(rows)))

    def panel(axes: Axes) -> None:
        for number, (label, mean, half, seeds) in enumerate(curves):
            color, looks = COLORS[number % len(COLORS)], np.arange(1, len(mean) + 1)
            axes.step(looks, mean, STYLES[number % len(STYLES)], where="post", color=color,
                      label=f"{label} ({seeds:,} seeds)")
            axes.fill_between(looks, mean - half, mean + half, step="post", color=color,
                              alpha=0.18, linewidth=0)
        if best is not None:
            axes.axhline(best, color="#14693f", linewidth=1, linestyle=":",
                         label="best of the table")
        # The low scores of the first cells would compress the rest of the axis.
        late = [mean[len(mean) // 20:] for _, mean, *_ in curves]
        ends = [*(part.min() for part in late), *(part.max() for part in late),
                *([best] if best is not None else [])]
        room = 0.05 * (max(ends) - min(ends)) or 1.0
        axes.set(xlabel="cells evaluated", ylabel=f"{config.judge_by} of the best so far",
                 ylim=(min(ends) - room, max(ends) + room), xlim=(0, None),
                 title=f"{config.path.name}, searched by {config.look_at}")
        axes.legend(loc="lower right")

    panels = [panel, *(_front(runs, place, name, front) for place, name in enumerate(
        config.read_limits().objectives))]
    return save(panels, path, width=6.4, height=4.0)


def _front(runs: Sequence[tuple[Path, TableConfig]], place: int, name: str,
           front: Sequence[Sequence[float]]) -> Panel:
    """The fronts by objective `place`, and the true one."""
    folder, first = runs[0]
    found = {config.strategy: read_rows(folder / SEEDS, config) for folder, config in runs}
    if first.strategy != "random":
        found["random"] = read_rows(folder / RANDOM, first)

    def panel(axes: Axes) -> None:
        for number, (label, rows) in enumerate(found.items()):
            cells = sorted({(cell[2 + place], cell[1]) for row in rows for cell in row["front"]})
            if cells:
                axes.plot(*zip(*cells), "o", color=COLORS[number % len(COLORS)], markersize=2.5,
                          alpha=0.5, linewidth=0, label=f"{label} ({len(rows):,} seeds)",
                          zorder=2 - number / 10)
        if front:
            steps = sorted((cell[2 + place], cell[1]) for cell in front)
            alone = len(front[0]) == 3
            axes.plot(*zip(*steps), "o-" if alone else "o", color="#000000", markersize=3,
                      linewidth=1, drawstyle="steps-post", label="true front")
            # The cheapest cells, which predict nothing, would compress the rest of the axis.
            values = [value for _, value in steps]
            low, high = float(np.quantile(values, 0.1)), max(values)
            room = 0.1 * (high - low) or 1.0
            axes.set_ylim(low - room, high + room)
        axes.set(xlabel=name, ylabel=first.judge_by, title=f"fronts by {name}")
        axes.legend(loc="lower right")
    return panel
