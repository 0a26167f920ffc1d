"""The Pareto front of a run with objectives: its cells, `front.json`, registering one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search.fronts.pareto import front
from search.reporting.history import RunRecord
from zoo import registry
from zoo.artifact.folder import json_bytes
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.serialization import from_dict
from zoo.messages.spelling import either
from zoo.runs.tensorboard import finite
from zoo.system.files import write_whole

FRONT = "front.json"


def front_cells(record: RunRecord) -> list[dict[str, Any]]:
    """The candidates of a run that no other one dominates in its metric and objectives, in the
    order of the first objective; empty for a run without objectives.

    Each has its `number`, `genotype`, metric and `measures`, as in history.jsonl.  A candidate
    whose training diverged is left out.
    """
    objectives = record.objectives
    if not objectives:
        return []
    metric = f"valid_{record.metric}"
    sign = 1 if record.metric == "perplexity" else -1
    known: list[dict[str, Any]] = []
    points: list[tuple[float, ...]] = []
    for row in record.rows:
        for one in row.get("candidates") or ():
            value, measures = finite(one.get(metric)), one.get("measures") or {}
            costs = [finite(measures.get(name)) for name in objectives]
            if value and None not in costs:  # an accuracy of 0 stands for a diverged training
                known.append(one)
                points.append((*(cost for cost in costs if cost is not None), sign * value))
    return [{name: known[place].get(name) for name in ("number", "genotype", metric, "measures")}
            for place in front(points)]


def label(measure: str) -> str:
    """A measure of cells with its unit."""
    return f"{measure}, ms" if measure.startswith("latency") else measure


def write_front(record: RunRecord) -> Path | None:
    """Write front.json into the folder of a run with objectives, atomically; else return None."""
    if not record.objectives:
        return None
    path = record.folder / FRONT
    write_whole(path, json_bytes({"metric": f"valid_{record.metric}",
                                  "objectives": list(record.objectives),
                                  "cells": front_cells(record)}))
    return path


def register_cell(record: RunRecord, number: int, name: str) -> Path:
    """Register the cell of candidate `number`, one of the front, in the user's zoo as `name`.

    Raises ValueError for a run without a front, a candidate that is not on it, and for an invalid
    or taken name.
    """
    cells = {cell["number"]: cell for cell in front_cells(record)}
    if not cells:
        raise ValueError(f"{record.folder} has no front; start a search with an objective, such as "
                         "--limit params")
    if number not in cells:
        raise ValueError(f"candidate {number} is not on the front of {record.folder}; choose "
                         f"{either(map(str, cells))}")
    try:
        genotype = from_dict(cells[number]["genotype"])
    except GenotypeError as error:
        raise ValueError(f"the history of {record.folder} is damaged (candidate {number}: "
                         f"{error}); search again in another folder with -o") from None
    return registry.register(name, genotype, f"search run {record.folder.resolve().name}: "
                             f"{record.strategy} on {record.data}, seed {record.seed}, candidate "
                             f"{number}")
