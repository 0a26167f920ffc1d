"""The results of a search against a table: JSON Lines, one line per seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from search.tables.config import TableConfig
from zoo.messages.command_line import command
from zoo.runs.run_folder import RunError

SEEDS, RANDOM = "seeds.jsonl", "random.jsonl"


def read_rows(path: Path, config: TableConfig) -> list[dict[str, Any]]:
    """Read the rows of a file, without an unfinished last line.

    Raises RunError for a line that does not belong to this run.
    """
    *lines, _ = (path.read_bytes() if path.exists() else b"").split(b"\n")
    rows = list(_parsed(path, lines))
    for number, row in enumerate(rows):
        if row.get("seed") != config.seed + number or not isinstance(row.get("best"), list) \
                or not row["best"] or number >= config.seeds:
            raise _damaged(path, number + 1)
    return rows


def _parsed(path: Path, lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise _damaged(path, number) from None
        if not isinstance(row, dict):
            raise _damaged(path, number)
        yield row


def _damaged(path: Path, line: int) -> RunError:
    return RunError(f"{path} is damaged (line {line} is not the row of its seed); remove it and "
                    f"run `{command('search', 'resume', path.parent)}`, which writes it again")
