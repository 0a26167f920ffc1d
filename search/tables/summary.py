"""Statistics over the seeds of searches against a table: means, intervals, paired differences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from search.reporting import significance
from search.tables.config import TableConfig
from search.tables.rows import RANDOM, SEEDS, read_rows
from search.tables.truth import Truth
from zoo.genotypes.serialization import Genotype


def summarize(folder: Path, config: TableConfig, truth: Truth) -> dict[str, Any]:
    """The contents of `summary.json` for a run whose seeds are all finished."""
    rows = read_rows(folder / SEEDS, config)
    summary: dict[str, Any] = {
        "strategy": config.strategy, "table": config.path.name, "look_at": config.look_at,
        "judge_by": config.judge_by, "seeds": config.seeds, "looks": config.budget,
        "cells_in_table": len(truth.looked), "rows_left_out": truth.left_out,
        "limits": config.limits, "rows_outside": truth.outside,
        "best_of_table": {"judged_by": truth.judged[truth.best], "row": truth.row(truth.best),
                          "genotype": str(truth.best)},
        "found": of_seeds(rows),
    }
    if config.strategy != "random":
        others = read_rows(folder / RANDOM, config)
        summary |= {"random": of_seeds(others), "against_random": paired(rows, others)}
    if truth.costs:
        summary["front"] = {"objectives": list(truth.costs),
                            "true": [front_point(truth, cell) for cell in truth.front]}
    return summary


def front_point(truth: Truth, cell: Genotype) -> list[float]:
    """A cell of a front: its row, its `judged_by`, its objectives."""
    return [truth.row(cell), truth.judged[cell], *(of[cell] for of in truth.costs.values())]


def of_seeds(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Statistics over the seeds: mean, standard deviation and 95 % interval of the mean of
    `judged_by`; mean regret, number of seeds that found the best cell of the table, and mean number
    of distinct cells; with objectives also of the hypervolume."""
    judged = [row["judged_by"] for row in rows]
    found = {"mean": statistics.fmean(judged), **_plain(*significance.spread(judged)),
             "regret": statistics.fmean(row["regret"] for row in rows),
             "found_the_best": sum(row["regret"] <= 0 for row in rows),
             "cells": statistics.fmean(row["cells"] for row in rows)}
    if volumes := [row["hypervolume"] for row in rows if "hypervolume" in row]:
        found["hypervolume"] = {"mean": statistics.fmean(volumes),
                                **_plain(*significance.spread(volumes))}
    return found


def paired(rows: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean difference of two searches with the same seeds, its 95 % interval, and the p-value
    of the two-sided signed-rank test (Wilcoxon 1945); with objectives also of their
    hypervolumes."""
    found = _paired(rows, others, "judged_by")
    if "hypervolume" in rows[0] and "hypervolume" in others[0]:
        found["hypervolume"] = _paired(rows, others, "hypervolume")
    return found


def _paired(rows: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]], name: str
            ) -> dict[str, Any]:
    found = significance.paired(*([row[name] for row in each] for each in (rows, others)))
    return {"difference": found.mean, **_plain(found.deviation, found.interval), "p": found.p,
            "better": found.larger, "worse": found.smaller}


def _plain(deviation: float | None, interval: tuple[float, float] | None) -> dict[str, Any]:
    """As in JSON."""
    return {"deviation": deviation, "interval": None if interval is None else list(interval)}


def curve(rows: Sequence[dict[str, Any]], looks: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean over the seeds of `judged_by` of the best cell so far, after each of `looks` cells,
    and half the width of its 95 % interval."""
    values = np.empty((len(rows), looks))
    for row, line in zip(rows, values):
        for at, _, judged in row["best"]:
            line[int(at) - 1:] = judged
    if len(rows) < 2:
        return values.mean(0), np.zeros(looks)
    quantile = float(stats.t.ppf((1 + significance.CONFIDENCE) / 2, len(rows) - 1))
    wide = quantile / math.sqrt(len(rows))
    return values.mean(0), wide * values.std(0, ddof=1)
