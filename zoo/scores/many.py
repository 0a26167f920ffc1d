"""Scores of many cells, one after another, kept in a file so that an interrupted run goes on.

The file holds JSON lines: what was scored and how, then a line for each cell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo.genotypes.serialization import Genotype
from zoo.runs.run_folder import append_line, keep_lines
from zoo.scores import chosen
from zoo.scores.scoring import CellScores, Setting, finite, score_cell


class ScoresFileError(ValueError):
    """A file of scores that cannot go on; the message says what to do."""


def score_cells(genotypes: Sequence[Genotype], setting: Setting, names: Iterable[str] | None,
                kept: Path | None = None, described: dict[str, Any] | None = None,
                report: Callable[[int, int], None] = lambda done, total: None
                ) -> list[CellScores]:
    """The scores of all cells, in their order; `report(done, total)` is called after each.

    With `kept` each cell's scores are written there at once, and those already there are read
    instead of computed.  `described` is what else they depend on, such as the data, in the types
    of JSON.  Raises ScoresFileError where the file holds something else.
    """
    wanted = chosen(names)
    cells = hashlib.sha256("\n".join(map(str, genotypes)).encode()).hexdigest()
    head = {"cells": cells, "scores": wanted, "network": setting.network,
            "channels": setting.channels, "layers": setting.layers, "seed": setting.seed,
            "seeds": setting.seeds, **(described or {})}
    done = _read(kept, head, len(genotypes)) if kept else []
    report(len(done), len(genotypes))
    for genotype in genotypes[len(done):]:
        scores = score_cell(genotype, setting, wanted)
        done.append(scores)
        if kept:
            append_line(kept, {
                "values": {name: finite(value) for name, value in scores.values.items()},
                "seconds": {name: round(value, 4) for name, value in scores.seconds.items()}})
        report(len(done), len(genotypes))
    return done


def _read(path: Path, head: dict[str, Any], most: int) -> list[CellScores]:
    """The cells that `path` has already; begins the file where there is none."""
    if not path.exists() or not path.stat().st_size:
        append_line(path, head)
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    lines = [line for line in lines if line.endswith(b"\n")]  # the last was cut off by a kill
    try:
        first, *rows = [json.loads(line) for line in lines]
        done = [CellScores({name: _number(row["values"][name]) for name in head["scores"]},
                           {name: float(row["seconds"][name]) for name in head["scores"]})
                for row in rows] if first == head else None
    except (ValueError, KeyError, TypeError):
        raise ScoresFileError(f"{path} does not hold scores, or is damaged; name another file "
                              "with -o") from None
    if done is None:
        raise ScoresFileError(f"{path} holds scores of other cells or settings; name another file "
                              "with -o, or repeat the settings that it began with")
    keep_lines(path, len(lines))
    return done[:most]


def _number(value: Any) -> float:
    """What `finite` has written; a score that a network lacks ranks below all others."""
    return float("-inf") if value is None else float(value)
