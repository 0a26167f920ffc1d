"""The folder of a search against a table; without slow imports, for commands that look at runs."""

from __future__ import annotations

import json
from pathlib import Path

CONFIG, SUMMARY, CURVE = "config.json", "summary.json", "curve.svg"


def is_table_run(folder: Path) -> bool:
    """Whether `folder` holds a search against a table."""
    try:
        config: object = json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and "table" in config
