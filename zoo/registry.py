"""The registry of cells: published and user-defined, with aliases, wildcards and suggestions.

Published cells, and those found by this project, are tables in `zoo.cells`.  User-defined cells are
JSON files in the user data folder, one per cell, so that a broken file does not affect the others.
Imports neither torch nor TensorFlow; tables are loaded on first use.
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
    """No cell has this name; the message suggests similar names."""


@dataclass(frozen=True)
class Paper:
    """The paper of a cell."""

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
        """The arXiv page, or nothing."""
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""


@dataclass(frozen=True)
class CellRecord:
    """A cell and its metadata.

    `reported` holds published results (errors in %, parameters and multiply-adds in millions),
    `notes` disagreements between sources.  `path` is the file of a user-defined cell, `source` the
    origin of an unpublished one.
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
    # Or "found" by this project, "user", or "file" for an unregistered cell.
    origin: str = "published"
    path: Path | None = None
    source: str = ""


# --- lookup -------------------------------------------------------------------------------


def genotype(name: str) -> Genotype:
    """The genotype of a cell, by name or alias, ignoring case.

    Raises UnknownCellError, or GenotypeError for a user-defined cell with a broken file.

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
    """The record of a cell.  Raises as `genotype` does."""
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
    """Whether there is a cell with this name or alias."""
    folded = name.casefold()
    return folded in _published_names() or any(
        stem.casefold() == folded for stem in _user_paths())


class OriginLines(TypedDict):
    """The origin of a cell in a manifest."""

    paper: str
    source: str


def origin_lines(name: str, genotype: Genotype) -> OriginLines:
    """The paper of a published cell and the source of any other, one line each; both empty unless
    `name` is registered with this `genotype`."""
    try:
        known = record(name)
    except (UnknownCellError, GenotypeError):
        known = None
    if known is None or known.genotype != genotype:
        return {"paper": "", "source": ""}
    return {"paper": str(known.paper or ""), "source": " ".join(known.source.split())}


def list_cells(pattern: str = "*", kind: str | None = None) -> list[str]:
    """Sorted names of the published and user-defined cells.

    `pattern` is a wildcard ('*DARTS*') for names and aliases, ignoring case; `kind` is 'conv',
    'recurrent', 'hierarchical' or 'nasbench201'.  Skips user-defined cells with broken files; see
    `broken_user_cells`.

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
    """A message for each user-defined cell whose file is broken."""
    problems: list[str] = []
    for path in _user_paths().values():
        try:
            _read_user_cell(path)
        except (GenotypeError, OSError) as error:
            problems.append(str(error))
    return problems


def _natural(name: str) -> list[int | str]:
    """A sort key that puts SGAS_Cri1_10 after SGAS_Cri1_9."""
    return [int(part) if part.isdecimal() else part
            for part in re.split(r"([0-9]+)", name.casefold())]


# --- published cells ----------------------------------------------------------------------


@functools.cache
def _published() -> dict[str, CellRecord]:
    """Every cell in the modules of `zoo.cells`, by name."""
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
    """The published cells by case-folded name and alias."""
    return {name.casefold(): cell
            for cell in _published().values() for name in (cell.name, *cell.aliases)}


def _published_record(name: str, facts: Mapping[str, Any]) -> CellRecord:
    """The record for an entry `facts` of a table in `zoo.cells`."""
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


# --- user-defined cells -------------------------------------------------------------------


def user_folder() -> Path:
    """The folder of user-defined cells; GENOTYPE_ZOO_DATA overrides the data folder."""
    data = os.environ.get("GENOTYPE_ZOO_DATA")
    if data:
        return Path(data) / "cells"
    import platformdirs  # only needed without GENOTYPE_ZOO_DATA

    return platformdirs.user_data_path("genotype-zoo") / "cells"


def register(name: str, genotype: Genotype, source: str = "", replace: bool = False) -> Path:
    """Save a cell as `name` in the user data folder and return its file.

    `source` describes its origin.  Raises ValueError for an invalid name, the name of a published
    cell, and, unless `replace`, the name of a user-defined cell; TypeError for anything but a
    genotype; OSError if the file cannot be written.

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
    """The name under which `register` saves a cell.  Raises ValueError as `register` does."""
    _check_form(name)
    taken = _published_names().get(name.casefold())
    if taken:
        raise ValueError(f"{name!r} is the {taken.origin} cell {taken.name}; choose another name")
    for stem, path in _user_paths().items():
        if stem.casefold() == name.casefold():
            if not replace:
                raise ValueError(f"a cell is already named {stem!r} ({path}); choose another name "
                                 "or replace it (--replace, replace=True)")
            return stem  # the same file, whatever the case of the name
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
    """The files of user-defined cells by name."""
    return {path.stem: path for path in sorted(user_folder().glob("*.json"))
            if not path.name.startswith(".")}


def _read_user_cell(path: Path) -> CellRecord:
    """Read a user-defined cell.  Raises GenotypeError, naming the file, if it is broken."""
    try:
        if taken := _published_names().get(path.stem.casefold()):
            raise GenotypeError(f"{path.stem!r} is the name of a {taken.origin} cell; rename the "
                                "file")
        _check_form(path.stem)
        value: object = json.loads(decode(path.read_bytes()))
        cell = from_dict(value)
        assert is_object(value)  # checked by `from_dict`
        source = value.get("source", "")
        if not isinstance(source, str):
            raise GenotypeError("'source' must be text")
    except json.JSONDecodeError as error:
        raise GenotypeError(
            f"{path}: not valid JSON: {error.msg} (line {error.lineno}); correct or delete the file"
        ) from None
    except (ValueError, RecursionError) as error:
        raise GenotypeError(f"{path}: {error}; correct or delete the file") from None
    return CellRecord(path.stem, cell, origin="user", path=path, source=source)
