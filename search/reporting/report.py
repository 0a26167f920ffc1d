"""Writes report.html: a self-contained page that shows a search run epoch by epoch.

It shows a summary, curves, the weights of the operations over time, and the cell of each epoch,
all with one slider.  The page (`report_template/`) is plain HTML, CSS and JavaScript; the run is
embedded as JSON, and names and warnings are escaped.  `zoo demo RUN` serves it, and the page then
follows a search that still runs.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from search.reporting.front import front_cells, label
from search.reporting.history import HISTORY, HistoryError, RunRecord, duration
from search.spaces.discretize import all_operations, edges, kind_of_table, operations
from zoo.genotypes.cell import Cell, GenotypeError, is_list
from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.serialization import Genotype, from_dict
from zoo.plotting.cell import svg
from zoo.runs.tensorboard import finite
from zoo.system import json_text
from zoo.system.files import write_whole

REPORT = "report.html"
_TEMPLATE = Path(__file__).with_name("report_template")
_SCRIPTS = ("charts.js", "weights.js", "address.js", "page.js", "live.js")
_HEADINGS = {"normal": "Normal cell", "reduce": "Reduction cell", "recurrent": "Recurrent cell",
             "cell": "Cell"}
_SPACES = {"conv": "convolutional cells", "recurrent": "a recurrent cell",
           "hierarchical": "hierarchical cells", "nasbench201": "cells of NAS-Bench-201"}


def write_report(record: RunRecord) -> Path:
    """Write report.html into the folder of a run, atomically, and return its path.

    Raises HistoryError for damaged rows, OSError if the page cannot be written.
    """
    path = record.folder / REPORT
    write_whole(path, page(record).encode(errors="replace"))
    return path


def page(record: RunRecord) -> str:
    """The report as the text of an HTML file."""
    data = json_text.dumps(page_data(record), ensure_ascii=False, separators=(",", ":"))
    fields = {
        "title": escape(f"{record.strategy} on {record.data}"),
        "style": _part("page.css"),
        "script": "\n".join(map(_part, _SCRIPTS)),
        # Only these two sequences could end the data early inside <script>.
        "data": data.replace("</", "<\\/").replace("<!--", "\\u003c!--"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: fields[found[1]], _part("page.html"))


def page_data(record: RunRecord) -> dict[str, Any]:
    """Everything the page shows, as JSON types; lists over time have one entry per epoch."""
    genotypes = [_genotype(record, row) for row in record.rows]
    texts = list(dict.fromkeys(map(str, genotypes)))
    return {
        "title": f"{record.strategy} on {record.data}",
        "folder": record.folder.resolve().name,
        "state": _state(record),
        "finished": record.finished,
        "facts": _facts(record),
        "settings": [[name, _plain(value)] for name, value in record.settings.items()],
        "warnings": [{"epoch": row["epoch"], "text": str(text)}
                     for row in record.rows for text in row.get("warnings") or ()],
        "metric": record.metric,
        "unit": record.unit,
        "sharesWeights": record.shares_weights,
        "epochs": len(record.rows),
        "chosen": record.chosen_epoch,
        "cost": record.cost,
        "seconds": record.seconds,
        "best": record.best_so_far,
        "series": {name: _column(record, key) for name, key in (
            ("trainLoss", "train_loss"), ("validLoss", "valid_loss"),
            ("train", f"train_{record.metric}"), ("valid", f"valid_{record.metric}"),
            ("discrete", f"discrete_{record.metric}"), ("gap", "discretisation_gap"),
            ("latency", "expected_latency"), ("learningRate", "learning_rate"))},
        "cells": _cells(record, genotypes),
        "genotypes": texts,
        "genotypeAt": [texts.index(str(genotype)) for genotype in genotypes],
        "candidates": _candidates(record),
        "measures": [[name, label(name), name in record.objectives] for name in record.measures],
        "front": [{"number": cell["number"], "genotype": str(_genotype(record, cell))}
                  for cell in front_cells(record)],
    }


def _part(name: str) -> str:
    return (_TEMPLATE / name).read_text(encoding="utf-8")


# --- the headline -------------------------------------------------------------------------


def _state(record: RunRecord) -> str:
    of = f" of {record.epochs}" if record.epochs else ""
    if record.finished:
        return "finished"
    return f"epoch {len(record.rows)}{of}, not finished"


def _facts(record: RunRecord) -> list[list[str]]:
    """Rows of label, value, and remark or ''."""
    facts = [["Strategy", record.strategy, f"searching {_SPACES.get(record.space, record.space)}"],
             ["Data", record.data, f"seed {record.seed}"]]
    if record.rows:
        time = record.total_seconds
        facts.append(["Cost", f"{record.cost[-1]:,} {record.unit}",
                      "" if time is None else duration(time)])
    if record.best is not None:
        epoch = record.validation.index(record.best) + 1
        whose = "of the supernet" if record.shares_weights else "of a cell trained in the search"
        facts.append([f"Best validation {record.metric}", _score(record, record.best),
                      f"{whose}, epoch {epoch}"])
    if record.result is not None:
        result = record.result
        facts.append(["Chosen", f"epoch {result.get('chosen_epoch', '?')}",
                      str(result.get("why", ""))])
        facts.append(["Found cell", str(result.get("name", "?")), "in your zoo"])
    if record.trained:
        score = finite(record.trained.get(f"test_{record.metric}"))
        if score is not None:
            facts.append([f"Test {record.metric}", _score(record, score),
                          "of the found cell, trained from scratch"])
    return facts


def _score(record: RunRecord, value: float) -> str:
    return f"{value:.1%}" if record.metric == "accuracy" else f"{value:.1f}"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json_text.dumps(value, ensure_ascii=False)


def _column(record: RunRecord, key: str) -> list[float | None] | None:
    """One value per epoch; None if no epoch has one."""
    values = [_short(row.get(key)) for row in record.rows]
    return values if any(value is not None for value in values) else None


def _short(value: object) -> float | None:
    """A finite number, rounded to five digits to keep the page small."""
    number = finite(value)
    return None if number is None else float(f"{number:.5g}")


# --- cells --------------------------------------------------------------------------------


def _genotype(record: RunRecord, row: dict[str, Any]) -> Genotype:
    try:
        return from_dict(row.get("genotype"))
    except GenotypeError as error:
        where = f"epoch {row['epoch']}" if "epoch" in row else f"candidate {row['number']}"
        raise HistoryError(f"{record.folder / HISTORY} is damaged ({where}: {error}); search again "
                           "in another folder with -o") from None


def _cells(record: RunRecord, genotypes: list[Genotype]) -> list[dict[str, Any]]:
    """The data of each cell: its distinct drawings, operations over time, and alphas."""
    if not genotypes:
        return []
    out: list[dict[str, Any]] = []
    for name in _HEADINGS if _is_darts(genotypes[0]) else ("",):
        if name and name not in genotypes[0].cells():
            continue
        drawn = [_tidy(genotype) if name else genotype for genotype in genotypes]
        keys = [genotype.cells()[name] if name else genotype for genotype in drawn]
        different = list(dict.fromkeys(keys))
        drawings = [_drawing(drawn[keys.index(key)], name) for key in different]
        counts = [_counts(row.get("operations") or {}, name) for row in record.rows]
        out.append({
            "name": name, "heading": _HEADINGS.get(name, "Cell"),
            "drawings": drawings,
            "drawingAt": [different.index(key) for key in keys],
            "operations": {operation: [of.get(operation, 0) for of in counts]
                           for operation in dict.fromkeys(o for of in counts for o in of)},
            "entropy": _of_cell(record, "entropy", name),
            "skips": _of_cell(record, "skip_connections", name),
            "alphas": _alphas(record, name),
        })
    return out


def _counts(operations: dict[str, dict[str, int]], name: str) -> Counter[str]:
    """The number of edges with each operation; '' for a hierarchical cell and its motifs."""
    counts: Counter[str] = sum(
        (Counter(of) for cell, of in operations.items() if name in ("", cell)), Counter())
    return Counter({operation: count for operation, count in counts.items()
                    if not operation.startswith("motif_")})


def _is_darts(genotype: Genotype) -> bool:
    """Does it have cells of nodes and edges, drawn separately?"""
    return not isinstance(genotype, HierarchicalGenotype)


def _tidy(genotype: Genotype) -> Genotype:
    """The same cells with the edges of a node sorted by input instead of strength, so that the
    drawing changes only when the cell does."""
    return replace(genotype, **{
        name: Cell(tuple(tuple(sorted(node, key=lambda edge: edge[::-1])) for node in cell.nodes),
                   cell.concat)
        for name, cell in genotype.cells().items()})


@lru_cache(maxsize=4096)
def _drawing(genotype: Genotype, name: str) -> dict[str, Any]:
    """The drawing of a cell, its size, a description, and the edges (node, input, operation)."""
    text = svg(genotype, "", name or None)
    root = ElementTree.fromstring(text)
    cell = genotype.cells()[name] if name else None
    return {
        "svg": text, "width": float(root.attrib["width"]), "height": float(root.attrib["height"]),
        "words": root.findtext("{*}desc"),
        "edges": [[node, source, operation] for node, of in enumerate(cell.nodes if cell else ())
                  for operation, source in of],
    }


def _of_cell(record: RunRecord, key: str, name: str) -> list[float | None] | None:
    """A value per epoch; for a hierarchical cell ('') the sum over all its motifs."""
    by_cell = [row.get(key) or {} for row in record.rows]
    values = [_short(of.get(name) if name else sum(of.values()) if of else None) for of in by_cell]
    return values if any(value is not None for value in values) else None


def _alphas(record: RunRecord, name: str) -> dict[str, Any] | None:
    """softmax(alpha) of each epoch in 1/10000, edge by edge; None without alphas."""
    if not record.rows or name not in (record.rows[-1].get("alphas") or {}):
        return None
    kind = kind_of_table(name)
    last: object = record.rows[-1]["alphas"][name]
    width = len(last[0]) if is_list(last) and last and is_list(last[0]) else 0
    names = all_operations(kind)[:max(width, len(operations(kind)))]
    shape = (len(edges(kind)), len(names))
    weights: list[list[int]] = []
    for row in record.rows:
        try:
            table = np.array(row["alphas"][name], dtype=float).reshape(shape)
        except (KeyError, TypeError, ValueError):
            raise HistoryError(
                f"{record.folder / HISTORY} is damaged (epoch {row['epoch']}: the alphas of "
                f"{name} are not {shape[0]} x {shape[1]} numbers); search again in another "
                "folder with -o") from None
        table = np.nan_to_num(table)  # a diverged run can be shown too
        table = np.exp(table - table.max(axis=1, keepdims=True))
        table /= table.sum(axis=1, keepdims=True)
        weights.append((10_000 * table).round().astype(int).ravel().tolist())
    return {"edges": edges(kind), "operations": names, "weights": weights}


def _candidates(record: RunRecord) -> list[dict[str, Any]]:
    """Every evaluated cell, with the cost of the run up to it."""
    out: list[dict[str, Any]] = []
    cost: float = 0
    for row in record.rows:
        for one in row.get("candidates") or ():
            cost += finite(one.get(record.unit)) or 0
            out.append({"number": one.get("number"), "epoch": row["epoch"], "cost": cost,
                        "value": _short(one.get(f"valid_{record.metric}")),
                        "parameters": one.get("parameters"), "parent": one.get("parent"),
                        "measures": {name: finite(value) for name, value in (
                            one.get("measures") or {}).items()}})
        cost = row["cost"][record.unit]
    return out
