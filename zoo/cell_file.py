"""A cell as a command takes it: a registered name, or a file that holds a genotype."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from zoo import registry
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.serialization import Genotype, parse
from zoo.registry import CellRecord


def shown_name(target: str, record: CellRecord) -> str:
    """What a cell is called in folders and manifests: as the user typed it, in its proper case;
    a file by its own name."""
    if record.origin == "file" and record.path is not None:
        return record.path.stem
    return next((name for name in (record.name, *record.aliases)
                 if name.lower() == target.lower()), record.name)


def read_cell(name: str) -> CellRecord:
    """The record of a registered name, or of a genotype file ('my_cell.json', './my_cell').

    Raises UnknownCellError, GenotypeError, OSError.
    """
    if name.lower().endswith((".json", ".txt")) or "/" in name or os.sep in name:
        return read_file(Path(name))
    return registry.record(name)


def read_file(path: Path) -> CellRecord:
    """The genotype of a JSON or text file, with the name that stands in it or the file's own."""
    try:
        text = path.read_text(encoding="utf-8")
        genotype: Genotype = parse(text)
    except UnicodeDecodeError:
        raise GenotypeError(f"{path}: not a text file; a genotype is JSON or Genotype(...) "
                            "text") from None
    except GenotypeError as error:
        raise GenotypeError(f"{path}: {error}") from None
    name, source = path.stem, ""
    if text.lstrip().startswith("{"):
        value = json.loads(text)
        name, source = value.get("name") or name, value.get("source") or source
        if not isinstance(name, str) or not isinstance(source, str):
            raise GenotypeError(f"{path}: 'name' and 'source' must be text")
    else:
        assigned = re.match(r"\s*(\w+)\s*=\s*Genotype\b", text)
        name = assigned[1] if assigned else name
    return CellRecord(name, genotype, origin="file", path=path, source=source)
