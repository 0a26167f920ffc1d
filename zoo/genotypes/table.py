"""Tables of cells: a CSV file with a genotype and figures in each row.

Tabular benchmarks (NAS-Bench-201, Dong & Yang 2020, arXiv 2001.00326; NAS-Bench-301, Zela et al.
2022, arXiv 2008.09777) are read from such files, to look cells up instead of training them.  The
project ships none.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.reader import read
from zoo.genotypes.serialization import Genotype
from zoo.messages.spelling import choices
from zoo.system.encoding import EncodingError, decode

#: The name of the column of cells, case-insensitive.
GENOTYPE_COLUMN = "genotype"

_MISSING = ("", "-")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.IGNORECASE)
_LONGEST_FIELD = 10**6


class TableError(ValueError):
    """An invalid table; the message names the file, row and column."""


@dataclass(frozen=True)
class Table:
    """The cells of a table in the order of its rows, and the text of its other columns.

    `rows` are the row numbers as in a spreadsheet, where the header is row 1; `notes` are the
    genotype reader's notes, each with the first row it applies to.
    """

    path: Path
    genotypes: tuple[Genotype, ...]
    rows: tuple[int, ...]
    texts: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of cells."""
        return len(self.genotypes)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns other than the genotype's."""
        return tuple(self.texts)

    def column(self, name: str) -> list[float]:
        """The figures of a column by row; NaN for an empty field or ``-``.

        Raises TableError for an unknown name, suggesting the nearest, and for a value that is not a
        number, naming its row.
        """
        if name not in self.texts:
            raise TableError(f"{self.path} has no column {choices(name, self.texts)}")
        return [self._number(name, row, text)
                for row, text in zip(self.rows, self.texts[name], strict=True)]

    @cached_property
    def place(self) -> dict[Genotype, int]:
        """The index of each cell in `genotypes` and in every column."""
        return {genotype: number for number, genotype in enumerate(self.genotypes)}

    def _number(self, column: str, row: int, text: str) -> float:
        text = text.strip()
        if text in _MISSING:
            return float("nan")
        if not _NUMBER.fullmatch(text):
            raise TableError(f"{self.path}, row {row}, column {column}: {_shown(text)} is not a "
                             "number; leave the field of a missing value empty")
        return float(text)


def read_table(path: Path) -> Table:
    """Read a CSV file with a header and a cell in each row.

    The column ``genotype`` holds the cells in any syntax of `zoo.parse` (classic, NAS-Bench-201,
    NNI, JSON, ...); fields with commas must be quoted.  Raises TableError for a file without that
    column or without rows, a row without a valid cell or whose number of fields differs from the
    header's, and a cell in two rows; OSError.
    """
    try:
        text = decode(path.read_bytes())
    except EncodingError as error:
        raise TableError(f"{path} {error}") from None
    header, *rows = _rows(path, text) or [[]]
    names = [name.strip() for name in header]
    key = _genotype_column(path, names)
    genotypes: list[Genotype] = []
    numbers: list[int] = []
    kept: list[list[str]] = []
    first: dict[Genotype, int] = {}
    notes: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        if not row:
            continue  # an empty line
        if len(row) != len(names):
            raise TableError(f"{path}, row {number}: {len(row)} fields, but the header has "
                             f"{len(names)}; quote fields that contain commas")
        try:
            reading = read(row[key])
        except GenotypeError as error:
            raise TableError(f"{path}, row {number}, column {names[key]}: {error}") from None
        for note in reading.notes:
            notes.setdefault(note, number)
        if before := first.get(reading.genotype):
            raise TableError(f"{path}: rows {before} and {number} hold the same cell, "
                             f"{_shown(str(reading.genotype))}; keep one of them")
        first[reading.genotype] = number
        genotypes.append(reading.genotype)
        numbers.append(number)
        kept.append(row)
    if not genotypes:
        raise TableError(f"{path} has no rows below its header; add one per cell")
    texts = {name: tuple(row[place] for row in kept)
             for place, name in enumerate(names) if place != key}
    return Table(path, tuple(genotypes), tuple(numbers), texts,
                 tuple(f"row {number}: {note}" for note, number in notes.items()))


def _rows(path: Path, text: str) -> list[list[str]]:
    """The fields of every row.  Raises TableError for invalid CSV."""
    before = csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num}: not CSV: {error}") from None
    finally:
        csv.field_size_limit(before)


def _genotype_column(path: Path, names: Sequence[str]) -> int:
    """The index of the column of cells.  Raises TableError if it is missing, and for duplicate
    column names."""
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        raise TableError(f"{path} has two columns named {twice[0]!r}; rename one")
    found = [place for place, name in enumerate(names) if name.casefold() == GENOTYPE_COLUMN]
    if not found:
        listed = ", ".join(map(_shown, filter(None, names))) or "none"
        raise TableError(f"{path} has no column {GENOTYPE_COLUMN!r} of cells; its first row must "
                         f"name the columns, found {listed}")
    return found[0]


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
