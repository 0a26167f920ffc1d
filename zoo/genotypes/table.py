"""Tables of cells: a CSV file with a genotype in each row and figures beside it.

Tabular benchmarks (NAS-Bench-201, Dong & Yang 2020, arXiv 2001.00326; NAS-Bench-301, Zela et al.
2022, arXiv 2008.09777) are read from such files: what a cell is worth is looked up there instead
of being trained.  The project ships none.
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

#: The column of the cells, upper or lower case.
GENOTYPE_COLUMN = "genotype"

_MISSING = ("", "-")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.IGNORECASE)
_LONGEST_FIELD = 10**6


class TableError(ValueError):
    """A table that cannot be used; the message names the file, the row and the column."""


@dataclass(frozen=True)
class Table:
    """The cells of a table in the order of its rows, and the text of its other columns.

    `rows` are the numbers of the rows as a spreadsheet shows them, the header being row 1;
    `notes` is what the reader of genotypes has to say, each with the first row it is said of.
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
        """The names of the columns besides the genotype's."""
        return tuple(self.texts)

    def column(self, name: str) -> list[float]:
        """The figures of a column, a row each; NaN where it is empty or ``-``.

        Raises TableError for a name that is not there, with the nearest, and for a value that is
        no number, with its row.
        """
        if name not in self.texts:
            raise TableError(f"{self.path} has no column {choices(name, self.texts)}")
        return [self._number(name, row, text)
                for row, text in zip(self.rows, self.texts[name], strict=True)]

    @cached_property
    def place(self) -> dict[Genotype, int]:
        """Where each cell stands in `genotypes` and in every column."""
        return {genotype: number for number, genotype in enumerate(self.genotypes)}

    def _number(self, column: str, row: int, text: str) -> float:
        text = text.strip()
        if text in _MISSING:
            return float("nan")
        if not _NUMBER.fullmatch(text):
            raise TableError(f"{self.path}, row {row}, column {column}: {_shown(text)} is no "
                             "number; leave the field empty where there is none")
        return float(text)


def read_table(path: Path) -> Table:
    """The table of a CSV file: a header, then a cell in each row.

    The column ``genotype`` holds the cells in any syntax that `zoo.parse` reads (classic,
    NAS-Bench-201, NNI, JSON, ...); fields with commas stand in quotes, as every program writes
    them.  Raises TableError for a file without that column or without rows, a row that is no cell
    or has other columns than the header, and a cell that stands in two rows; OSError.
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
            raise TableError(f"{path}, row {number}: {len(row)} fields, and the header has "
                             f"{len(names)}; quote a field that holds a comma")
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
        raise TableError(f"{path} has no rows below its header; it needs a cell in each")
    texts = {name: tuple(row[place] for row in kept)
             for place, name in enumerate(names) if place != key}
    return Table(path, tuple(genotypes), tuple(numbers), texts,
                 tuple(f"row {number}: {note}" for note, number in notes.items()))


def _rows(path: Path, text: str) -> list[list[str]]:
    """The fields of every row.  Raises TableError for text that is no CSV."""
    before = csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num}: not CSV: {error}") from None
    finally:
        csv.field_size_limit(before)


def _genotype_column(path: Path, names: Sequence[str]) -> int:
    """The place of the column of the cells.  Raises TableError without one, and for a name that
    two columns have."""
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        raise TableError(f"{path} has two columns named {twice[0]!r}; rename one")
    found = [place for place, name in enumerate(names) if name.casefold() == GENOTYPE_COLUMN]
    if not found:
        listed = ", ".join(map(_shown, filter(None, names))) or "none"
        raise TableError(f"{path} has no column {GENOTYPE_COLUMN!r}, which holds the cells; its "
                         f"first row names the columns, and here it has {listed}")
    return found[0]


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
