"""Names of cells: published ones and the user's own, wildcards, aliases, did-you-mean.

The published cells, and what this project found, are the tables of `zoo.cells`; the user's are
JSON files in the user data folder, one for each cell, so that a broken one harms no other.
Imports neither torch nor TensorFlow; the tables are read at the first question.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypedDict

from zoo.genotypes.cell import Cell, GenotypeError, is_object
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.genotypes.serialization import Genotype, from_dict, to_json
from zoo.messages.spelling import choices, did_you_mean
from zoo.system.encoding import decode

KINDS = ("conv", "recurrent", "hierarchical", "nasbench201")

_USER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class UnknownCellError(LookupError):
    """No cell has the name; the message has the nearest one."""


@dataclass(frozen=True)
class Paper:
    """Where a cell was published."""

    title: str
    authors: str
    year: int
    arxiv: str = ""
    venue: str = ""

    def __str__(self) -> str:
        number = f", arXiv {self.arxiv}" if self.arxiv else ""
        return f"{self.authors}: {self.title}, {self.year}{number}"

    @property
    def url(self) -> str:
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""


@dataclass(frozen=True)
class CellRecord:
    """A cell and what is known of it.

    `reported` holds figures as published (errors in %, parameters and multiply-adds in
    millions), `notes` where sources disagree.  `path` is that of a user's cell; `source` says
    where a cell comes from that was not published.
    """

    name: str
    genotype: Genotype
    aliases: tuple[str, ...] = ()
    paper: Paper | None = None
    method: str = ""
    reported: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    headline: bool = False
    # Or "found" by this project, "user", or "file" for one that is not registered.
    origin: str = "published"
    path: Path | None = None
    source: str = ""


# --- questions ----------------------------------------------------------------------------


def genotype(name: str) -> Genotype:
    """The genotype of a cell, by its name or an alias, upper or lower case.

    Raises UnknownCellError, or GenotypeError for a user's cell whose file is broken.

    Examples:
        >>> import zoo
        >>> zoo.genotype("DARTS_V2").normal.edges[0]
        ('sep_conv_3x3', 0)
        >>> zoo.genotype("DRATS")
        Traceback (most recent call last):
        zoo.registry.UnknownCellError: no cell is named 'DRATS'; did you mean ...
    """
    return record(name).genotype


def record(name: str) -> CellRecord:
    """All that is known of a cell.  Raises as `genotype` does."""
    by_name, paths = _published_names(), _user_paths()
    known = by_name.get(name.casefold())
    if known:
        return known
    for stem, path in paths.items():
        if stem.casefold() == name.casefold():
            return _read_user_cell(path)
    names = [spelling for cell in _published().values() for spelling in (cell.name, *cell.aliases)]
    names += paths
    raise UnknownCellError(f"no cell is named {name!r}; {did_you_mean(name, names, most=3)}"
                           "`zoo list --all` shows every cell")


def registered(name: str) -> bool:
    """Whether a cell, published or the user's, goes by this name or alias."""
    folded = name.casefold()
    return folded in _published_names() or any(
        stem.casefold() == folded for stem in _user_paths())


class OriginLines(TypedDict):
    """Where a cell comes from, as a manifest has it."""

    paper: str
    source: str


def origin_lines(name: str, genotype: Genotype) -> OriginLines:
    """`paper` (where a cell was published) and `source` (where another one comes from), a line
    each; both empty unless `genotype` is what `name` registers."""
    try:
        known = record(name)
    except (UnknownCellError, GenotypeError):
        known = None
    if known is None or known.genotype != genotype:
        return {"paper": "", "source": ""}
    return {"paper": str(known.paper or ""), "source": " ".join(known.source.split())}


def list_cells(pattern: str = "*", kind: str | None = None) -> list[str]:
    """Names of the published and the user's cells, sorted.

    `pattern` is a wildcard ('*DARTS*', upper or lower case) that the name or an alias matches;
    `kind` is 'conv', 'recurrent', 'hierarchical' or 'nasbench201'.  User cells whose file is
    broken are left out; see `broken_user_cells`.

    Examples:
        >>> import zoo
        >>> zoo.list_cells("darts_v*")
        ['DARTS_V1', 'DARTS_V1_RNN', 'DARTS_V2', 'DARTS_V2_RNN']
        >>> zoo.list_cells("*enas*", kind="recurrent")
        ['ENAS_RNN']
    """
    return [cell.name for cell in records(pattern, kind)]


def records(pattern: str = "*", kind: str | None = None) -> list[CellRecord]:
    """The records of `list_cells`.  Raises ValueError for an unknown `kind`."""
    if kind is not None and kind not in KINDS:
        raise ValueError(f"unknown kind {choices(kind, KINDS)}")
    cells = list(_published().values())
    for path in _user_paths().values():
        try:
            cells.append(_read_user_cell(path))
        except (GenotypeError, OSError):
            continue  # reported by broken_user_cells
    pattern = pattern.casefold()
    return sorted(
        (cell for cell in cells
         if (kind is None or cell.genotype.kind == kind)
         and any(fnmatchcase(name.casefold(), pattern) for name in (cell.name, *cell.aliases))),
        key=lambda cell: _natural(cell.name),
    )


def broken_user_cells() -> list[str]:
    """One line for each file of the user's cells that cannot be read."""
    problems: list[str] = []
    for path in _user_paths().values():
        try:
            _read_user_cell(path)
        except (GenotypeError, OSError) as error:
            problems.append(str(error))
    return problems


def _natural(name: str) -> list[int | str]:
    """Sorts SGAS_Cri1_10 after SGAS_Cri1_9."""
    return [int(part) if part.isdecimal() else part
            for part in re.split(r"([0-9]+)", name.casefold())]


# --- published cells ----------------------------------------------------------------------


@functools.cache
def _published() -> dict[str, CellRecord]:
    """Every cell of the modules of `zoo.cells`, by name."""
    package = importlib.import_module("zoo.cells")
    cells: dict[str, CellRecord] = {}
    for module in pkgutil.iter_modules(package.__path__, "zoo.cells."):
        for name, facts in importlib.import_module(module.name).CELLS.items():
            if name in cells:
                raise ValueError(f"{module.name} and another module have a cell named {name!r}")
            cells[name] = _published_record(name, facts)
    return cells


@functools.cache
def _published_names() -> dict[str, CellRecord]:
    """The same by case-folded name and alias."""
    return {name.casefold(): cell
            for cell in _published().values() for name in (cell.name, *cell.aliases)}


def _published_record(name: str, facts: Mapping[str, Any]) -> CellRecord:
    """`facts` is what a table of `zoo.cells` says of the cell."""
    return CellRecord(
        name=name,
        genotype=_published_genotype(facts),
        aliases=tuple(facts.get("aliases", ())),
        paper=Paper(**facts["paper"]) if "paper" in facts else None,
        method=facts["method"],
        reported=dict(facts.get("reported", {})),
        notes=tuple(facts.get("notes", ())),
        sources=tuple(facts.get("sources", ())),
        headline=facts.get("headline", False),
        origin="published" if "paper" in facts else "found",
        source=facts.get("source", ""),
    )


def _published_genotype(facts: Mapping[str, Any]) -> Genotype:
    if "edges" in facts:
        return NasBench201Genotype.from_text(facts["edges"])
    build, kinds = ((RecurrentGenotype, ("recurrent",)) if "recurrent" in facts
                    else (ConvGenotype, ("normal", "reduce")))
    return build(*(Cell(facts[kind], facts[f"{kind}_concat"]) for kind in kinds))


# --- the user's cells ---------------------------------------------------------------------


def user_folder() -> Path:
    """Where the user's cells are kept; GENOTYPE_ZOO_DATA names another data folder."""
    data = os.environ.get("GENOTYPE_ZOO_DATA")
    if data:
        return Path(data) / "cells"
    import platformdirs  # only here: an own folder needs no look at the platform

    return platformdirs.user_data_path("genotype-zoo") / "cells"


def register(name: str, genotype: Genotype, source: str = "", replace: bool = False) -> Path:
    """Keep a cell under `name` in the user data folder; returns its file.

    `source` says where it comes from.  Raises ValueError for a name that cannot be a file's,
    that a published cell has, or that a user's cell has unless `replace`; TypeError for
    anything but a genotype; OSError when the file cannot be written.

    Examples:
        >>> import zoo
        >>> zoo.register("MINE", zoo.genotype("DARTS"), source="a copy").name
        'MINE.json'
        >>> zoo.genotype("MINE") == zoo.genotype("DARTS")
        True
    """
    _check_kind(genotype)
    name = check_free(name, replace)
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    part = folder / f".{name}.{os.getpid()}.part"
    head = f'{{\n  "name": {json.dumps(name)},\n  "source": {json.dumps(source)},'
    try:
        part.write_text(head + to_json(genotype)[1:], encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        part.unlink(missing_ok=True)
    return path


def check_free(name: str, replace: bool = False) -> str:
    """The name under which `register` keeps a cell.  Raises ValueError as `register` does."""
    _check_form(name)
    taken = _published_names().get(name.casefold())
    if taken:
        raise ValueError(f"{name!r} is the {taken.origin} cell {taken.name}; choose another name")
    for stem, path in _user_paths().items():
        if stem.casefold() == name.casefold():
            if not replace:
                raise ValueError(f"a cell is already named {stem!r} ({path}); choose another name "
                                 "or replace it (--replace, replace=True)")
            return stem  # one file, whatever the case in which it is named
    return name


def _check_kind(value: object) -> None:
    if not isinstance(value, Genotype):
        raise TypeError(f"register needs a genotype, not {type(value).__name__}; "
                        "zoo.parse reads one from text")


def _check_form(name: str) -> None:
    if not _USER_NAME.fullmatch(name) or len(name) > 100:
        raise ValueError(f"{name!r} cannot name a cell: use up to 100 letters, digits, '_', '-' "
                         "and '.', not beginning with '-' or '.'")


def _user_paths() -> dict[str, Path]:
    """The files of the user's cells by name."""
    return {path.stem: path for path in sorted(user_folder().glob("*.json"))
            if not path.name.startswith(".")}


def _read_user_cell(path: Path) -> CellRecord:
    """Raises GenotypeError with the file's name when it holds no genotype."""
    try:
        if taken := _published_names().get(path.stem.casefold()):
            raise GenotypeError(f"{path.stem!r} is the name of a {taken.origin} cell; rename the "
                                "file")
        _check_form(path.stem)
        value: object = json.loads(decode(path.read_bytes()))
        cell = from_dict(value)
        assert is_object(value)  # as `from_dict` has found
        source = value.get("source", "")
        if not isinstance(source, str):
            raise GenotypeError("'source' must be text")
    except json.JSONDecodeError as error:
        raise GenotypeError(
            f"{path}: not valid JSON: {error.msg} (line {error.lineno}); mend or delete the file"
        ) from None
    except (ValueError, RecursionError) as error:
        raise GenotypeError(f"{path}: {error}; mend or delete the file") from None
    return CellRecord(path.stem, cell, origin="user", path=path, source=source)
