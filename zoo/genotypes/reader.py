"""Reads genotypes: JSON, ``Genotype(...)`` anywhere in a text, and the formats of other tools.

If a text holds several, such as a search log or a ``genotypes.py``, the last one is read unless
another is selected by number or name.  Nothing is evaluated.
"""

from __future__ import annotations

import ast
import json
import warnings
from dataclasses import dataclass, field

from zoo.genotypes import dialects, find
from zoo.genotypes.cell import GenotypeError, is_object
from zoo.genotypes.classic import CONV_FIELDS, RECURRENT_FIELDS, Genotype, from_fields
from zoo.genotypes.conv import CONV_OPERATIONS
from zoo.genotypes.find import Found
from zoo.genotypes.literals import call_name, syntax_tree, value
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.genotypes.recurrent import RECURRENT_OPERATIONS
from zoo.messages.spelling import choices


@dataclass(frozen=True)
class Reading:
    """A genotype, its name and source in the text, and notes for the user: which of several
    genotypes it is, what was ignored, which format was recognized."""

    genotype: Genotype
    name: str = ""
    source: str = ""
    notes: list[str] = field(default_factory=list)


def parse(text: str, select: int | str | None = None) -> Genotype:
    """Read a genotype from text: JSON, ``Genotype(normal=[...], ...)`` in a log or a module,
    ``|op~0|+|op~0|op~1|+...`` (NAS-Bench-201), or the format of NNI, NAS-Bench-301 or NASLib.

    If there are several, `select` names one or gives its number (from 1); the default is the last.
    Warns about everything ignored or ambiguous.  Raises GenotypeError, which names the place and
    the allowed values.

    Examples:
        >>> import zoo
        >>> genotype = zoo.parse('''Genotype(
        ...     normal=[('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=[2],
        ...     reduce=[('max_pool_3x3', 0), ('skip_connect', 1)], reduce_concat=[2])''')
        >>> genotype.reduce.edges
        (('max_pool_3x3', 0), ('skip_connect', 1))
    """
    reading = read(text, select)
    for note in reading.notes:
        warnings.warn(note, stacklevel=2)
    return reading.genotype


def read(text: str, select: int | str | None = None) -> Reading:
    """Like `parse`, but returns the name too, and notes instead of warnings.

    Raises GenotypeError.
    """
    text = text.removeprefix("\ufeff")
    try:
        reading = _read_json(text)
        if reading and select is not None:
            raise GenotypeError(f"nothing to select, the text is a single genotype; omit "
                                f"{select!r}")
        return reading or _read_found(text, select)
    except RecursionError:
        raise GenotypeError("not a genotype: it is nested too deeply") from None


# --- JSON ---------------------------------------------------------------------------------


def _read_json(text: str) -> Reading | None:
    """The genotype in a JSON object; None if the text is not JSON."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        content: object = json.loads(text)
    except json.JSONDecodeError as error:
        # A Python dict or JSON lines are read elsewhere.
        if find.calls(text) or "'" in text or error.msg == "Extra data":
            return None
        raise GenotypeError(f"not valid JSON: {error.msg} (line {error.lineno})") from None
    except ValueError as error:  # a number with thousands of digits
        raise GenotypeError(f"not valid JSON: {error}") from None
    if not is_object(content) or (
            (find.calls(text) or find.edge_texts(text)) and not _is_genotype(content)):
        return None
    notes: list[str] = []
    genotype = dialects.read(content, notes)
    name, source = content.get("name") or "", content.get("source") or ""
    if not isinstance(name, str) or not isinstance(source, str):
        raise GenotypeError("'name' and 'source' must be text")
    return Reading(genotype, name, source, notes)


def _is_genotype(content: object) -> bool:
    return any(dialect.knows(content) for dialect in dialects.DIALECTS)


# --- text -----------------------------------------------------------------------------------


def _read_found(text: str, select: int | str | None) -> Reading:
    notes: list[str] = []
    found = find.calls(text)
    if live := [one for one in found if not one.comment]:
        if len(live) < len(found):
            notes.append(f"ignored: genotypes in comments ({len(found) - len(live)})")
        found = live
    found = found or find.dicts(text) or find.tuples(text) or find.edge_texts(text)
    if not found:
        found = [find.whole(text)] if text.lstrip().startswith(("(", "[")) else []
    if not found:
        raise GenotypeError("the text has no genotype; expected Genotype(normal=[...], "
                            "normal_concat=[...], ...), |op~0|+|op~0|op~1|+... or JSON")
    one = _select(found, select, find.aliases(text), notes)
    hint = (f"; it is the {_which(one, found)}, use --select with a number or a name for another"
            if len(found) > 1 else "")
    try:
        return Reading(_genotype(one, find.fields_of_tuple(text), notes), one.name, "", notes)
    except GenotypeError as error:
        raise GenotypeError(f"{error}{hint}") from None


def _which(one: Found, found: list[Found]) -> str:
    number = found.index(one) + 1
    named = f" ({one.name})" if one.name else ""
    return f"{'last' if number == len(found) else f'{number}.'} of {len(found)} genotypes{named}"


def _select(found: list[Found], select: int | str | None, aliases: dict[str, str],
            notes: list[str]) -> Found:
    """The selected expression, by default the last.  Raises GenotypeError if there is none."""
    if select is None:
        if len(found) > 1:
            notes.append(f"read the {_which(found[-1], found)}, from line {found[-1].line}; use "
                         "--select with a number or a name for another")
        return found[-1]
    if isinstance(select, int) or (select.isdecimal() and len(select) < 10):
        if not 1 <= int(select) <= len(found):
            raise GenotypeError(f"there is no genotype {select}; select one of 1 to {len(found)}")
        return found[int(select) - 1]
    if not select.strip():
        raise GenotypeError("--select is empty; give a number from 1 or a name, or omit it")
    spellings = {select.casefold(), aliases.get(select, select).casefold()}
    matches = [one for one in found if one.name.casefold() in spellings]
    if not matches:
        names = dict.fromkeys(one.name for one in found if one.name)
        raise GenotypeError(f"no genotype here is named {choices(select, names)}" if names else
                            f"cannot select {select!r}, the genotypes here have no names; select "
                            f"one of 1 to {len(found)}")
    if len(matches) > 1:
        notes.append(f"{len(matches)} genotypes are named {select}; read the last, from line "
                     f"{matches[-1].line}")
    return matches[-1]


def _genotype(one: Found, tuple_fields: list[str], notes: list[str]) -> Genotype:
    if one.unfinished:
        raise GenotypeError(f"cannot be read as Genotype(...): {one.unfinished}")
    if one.text.startswith("|"):
        return NasBench201Genotype.from_text(one.text)
    tree = syntax_tree(one.text, one.place)
    try:
        if isinstance(tree, ast.Call) and call_name(tree) == "Genotype":
            return from_fields(_fields(tree, one, tuple_fields), notes)
        return dialects.read(value(tree, one.place), notes)
    except GenotypeError as error:
        where = _place_of(tree, one, str(error))
        raise GenotypeError(f"{error}{where}") from None


def _fields(call: ast.Call, one: Found, tuple_fields: list[str]) -> dict[str, object]:
    """The fields by name; positional ones are named by the text's namedtuple or by convention."""
    conventional = RECURRENT_FIELDS if len(call.args) + len(call.keywords) == len(
        RECURRENT_FIELDS) else (*CONV_FIELDS, "connectN", "connects")
    names = tuple_fields or list(conventional)
    if len(call.args) > len(names):
        raise GenotypeError(f"{len(call.args)} positional values; a Genotype has only "
                            f"{', '.join(names)}")
    fields: dict[str, object] = {}
    for name, node in (*zip(names, call.args, strict=False),
                       *((keyword.arg, keyword.value) for keyword in call.keywords)):
        if name is None:
            raise GenotypeError("** is not supported; write the fields out, as in normal=[...]")
        if name in fields:
            raise GenotypeError(f"{name} is given twice")
        try:
            fields[name] = value(node, one.place)
        except GenotypeError as error:
            raise GenotypeError(f"{name}: {error}") from None
    return fields


def _place_of(tree: ast.expr, one: Found, message: str) -> str:
    """The position of the error in `message`; empty if the message names it already."""
    if " at line " in message:
        return ""
    for node in ast.walk(tree):
        if (isinstance(node, ast.Constant) and isinstance(node.value, str)
                and f"unknown operation {node.value!r}" in message
                and node.value not in (*CONV_OPERATIONS, *RECURRENT_OPERATIONS)):
            return f" (at {one.place(node.lineno, node.col_offset + 1)})"
    return f" (at {one.place()})" if (one.line, one.column) != (1, 1) else ""
