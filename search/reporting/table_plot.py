"""The curve of searches against a table: the best cell so far over the cells evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search.reporting.plots import COLORS, STYLES, save
from search.tables.config import TableConfig
from search.tables.rows import RANDOM, SEEDS, read_rows
from search.tables.summary import curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_tables(runs: Sequence[tuple[Path, TableConfig]], path: Path, best: float | None = None
                ) -> Path:
    """Plot the mean of `judge_by` with its 95 % interval for each run and for the random search of
    the first run, and a line at the `best` of the table.  Raises ValueError for an unknown
    suffix."""
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

    return save([panel], path, width=6.4, height=4.0)
