"""Scores of many cells, stored in a file so that an interrupted run can resume.

The file is JSON Lines: a header with the cells and settings, then a line per cell.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo.genotypes.serialization import Genotype
from zoo.runs.run_folder import append_line, keep_lines
from zoo.scores import chosen
from zoo.scores.scoring import CellScores, Setting, finite, score_cell


class ScoresFileError(ValueError):
    """A file of scores that cannot be resumed; the message names the remedy."""


def score_cells(genotypes: Sequence[Genotype], setting: Setting, names: Iterable[str] | None,
                kept: Path | None = None, described: dict[str, Any] | None = None,
                report: Callable[[int, int], None] = lambda done, total: None
                ) -> list[CellScores]:
    """The scores of all cells, in order; calls `report(done, total)` after each.

    The file `kept` receives each cell's scores immediately; scores that it already holds are not
    computed again.  `described` holds whatever else the scores depend on, such as the data, as JSON
    values.  Raises ScoresFileError if the file holds other contents.
    """
    names = chosen(names)
    cells = hashlib.sha256("\n".join(map(str, genotypes)).encode()).hexdigest()
    head = {"cells": cells, "scores": names, "network": setting.network,
            "channels": setting.channels, "layers": setting.layers, "seed": setting.seed,
            "seeds": setting.seeds, **(described or {})}
    done = _read(kept, head, len(genotypes)) if kept else []
    report(len(done), len(genotypes))
    for genotype in genotypes[len(done):]:
        scores = score_cell(genotype, setting, names)
        line = {"values": {name: finite(value) for name, value in scores.values.items()},
                "seconds": {name: round(value, 4) for name, value in scores.seconds.items()}}
        if kept:
            append_line(kept, line)
        done.append(_scores(line, names))  # as a resumed run reads it
        report(len(done), len(genotypes))
    return done


def _read(path: Path, head: dict[str, Any], most: int) -> list[CellScores]:
    """The scores already in `path`; starts the file if it is missing or empty."""
    if not path.exists() or not path.stat().st_size:
        append_line(path, head)
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    lines = [line for line in lines if line.endswith(b"\n")]  # a kill may truncate the last
    try:
        first, *rows = [json.loads(line) for line in lines]
        done = [_scores(row, head["scores"]) for row in rows] if first == head else None
    except (ValueError, KeyError, TypeError):
        raise ScoresFileError(f"{path} is damaged or not a file of scores; choose another one with "
                              "-o") from None
    if done is None:
        raise ScoresFileError(f"{path} holds scores of other cells or settings; choose another one "
                              "with -o, or use the settings it was started with")
    keep_lines(path, len(lines))
    return done[:most]


def _scores(row: dict[str, Any], names: Iterable[str]) -> CellScores:
    """The scores in a row of the file; an undefined one ranks lowest."""
    values = {name: row["values"][name] for name in names}
    return CellScores({name: -math.inf if value is None else float(value)
                       for name, value in values.items()},
                      {name: float(row["seconds"][name]) for name in names})
