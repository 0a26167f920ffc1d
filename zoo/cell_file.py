"""Reads the cell argument of a command: a registered name or a genotype file."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from zoo import registry
from zoo.artifact.names import GENOTYPE
from zoo.checkpoints.first_bytes import is_safetensors, is_torch
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.reader import read
from zoo.messages.notes import printable
from zoo.registry import CellRecord
from zoo.system.encoding import EncodingError, decode

_SUFFIXES = (".json", ".txt", ".py", ".log")


def shown_name(target: str, record: CellRecord) -> str:
    """The name of a cell in folders and manifests: the name or alias that the user typed, in its
    proper case; for a file its stem, for a Python module the name of the genotype in it."""
    if record.origin == "file" and record.path is not None:
        return record.name if record.path.suffix == ".py" else record.path.stem
    return next((name for name in (record.name, *record.aliases)
                 if name.lower() == target.lower()), record.name)


def read_cell(name: str, select: str | None = None) -> CellRecord:
    """The record of a registered name, or of a genotype file ('my_cell.json', './my_cell').

    Raises UnknownCellError, GenotypeError, OSError.
    """
    if (name.lower().endswith(_SUFFIXES) or "/" in name or os.sep in name
            or (Path(name).exists() and not registry.registered(name))):
        return read_file(Path(name), select)
    if select is not None:
        raise GenotypeError(f"--select is for a file with several genotypes, and {name} is a "
                            "cell's name; omit it")
    return registry.record(name)


def read_file(path: Path, select: str | None = None) -> CellRecord:
    """Read the genotype in a file, named as in the file or after it.

    Prints notes on ignored parts and the selected genotype to stderr.  Raises GenotypeError,
    OSError.
    """
    if path.is_dir():
        inside = path / GENOTYPE
        raise GenotypeError(f"{path} is a folder; give the genotype file" + (
            f" in it, {inside}" if inside.is_file() else ", or a cell of `zoo list`"))
    content = path.read_bytes()
    if is_torch(content) or is_safetensors(content):
        raise GenotypeError(f"{path} holds weights, not a genotype; give their cell, as in `zoo "
                            f"import {shlex.quote(str(path))} --cell DARTS_V2`")
    try:
        found = read(decode(content), select)
    except EncodingError as error:
        raise GenotypeError(f"{path} {error}, or give a file with JSON or Genotype(...)"
                            ) from None
    except GenotypeError as error:
        raise GenotypeError(f"{path}: {error}") from None
    for note in found.notes:
        print(f"note: {printable(f'{path}: {note}')}", file=sys.stderr)
    return CellRecord(found.name or path.stem, found.genotype, origin="file", path=path,
                      source=found.source)
