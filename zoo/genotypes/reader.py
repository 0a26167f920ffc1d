"""The one reader of genotypes: JSON, ``Genotype(...)`` anywhere in a text, other tools' forms.

A text may hold several, as the log of a search or a ``genotypes.py`` does: the last one is
taken, unless another is selected by its number or its name.  Nothing is evaluated.
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
    """A genotype, the name and the source that the text gives it, and what is to be told: which
    of several it is, what was left out, which form was recognized."""

    genotype: Genotype
    name: str = ""
    source: str = ""
    notes: list[str] = field(default_factory=list)


def parse(text: str, select: int | str | None = None) -> Genotype:
    """Read a genotype from text: JSON, ``Genotype(normal=[...], ...)`` in a log or a module, the
    ``|op~0|+|op~0|op~1|+...`` of NAS-Bench-201, the forms of NNI, NAS-Bench-301 and NASLib.

    Of several the last one is taken, or the one that `select` names or numbers (from 1).  A
    warning tells what was left out or might have been meant otherwise.  Raises GenotypeError
    with the place and what is allowed.

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
    """What `parse` gives, with the name, and with notes instead of warnings.

    Raises GenotypeError.
    """
    text = text.removeprefix("\ufeff")
    try:
        reading = _read_json(text)
        if reading and select is not None:
            raise GenotypeError(f"there is one genotype here, so none to select; leave out "
                                f"{select!r}")
        return reading or _read_found(text, select)
    except RecursionError:
        raise GenotypeError("not a genotype: it is nested too deeply") from None


# --- JSON ---------------------------------------------------------------------------------


def _read_json(text: str) -> Reading | None:
    """The genotype of a JSON object; None for what is not JSON."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        content: object = json.loads(text)
    except json.JSONDecodeError as error:
        # A dict of Python, or lines of JSON: there are other ways to read those.
        if find.calls(text) or "'" in text or error.msg == "Extra data":
            return None
        raise GenotypeError(f"not valid JSON: {error.msg} (line {error.lineno})") from None
    except ValueError as error:  # a number of thousands of digits
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


# --- what is found in text ----------------------------------------------------------------


def _read_found(text: str, select: int | str | None) -> Reading:
    notes: list[str] = []
    found = find.calls(text)
    if live := [one for one in found if not one.comment]:
        if len(live) < len(found):
            notes.append(f"left out: genotypes in comments ({len(found) - len(live)})")
        found = live
    found = found or find.dicts(text) or find.tuples(text) or find.edge_texts(text)
    if not found:
        found = [find.whole(text)] if text.lstrip().startswith(("(", "[")) else []
    if not found:
        raise GenotypeError("expected one Genotype(normal=[...], normal_concat=[...], ...), "
                            "|op~0|+|op~0|op~1|+... or JSON; there is none in the text")
    one = _select(found, select, find.aliases(text), notes)
    hint = (f"; it is the {_which(one, found)}, --select N or a name takes another"
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
    """The one that is asked for, or the last.  Raises GenotypeError where there is none such."""
    if select is None:
        if len(found) > 1:
            notes.append(f"took the {_which(found[-1], found)}, from line {found[-1].line}; "
                         "--select N or a name takes another")
        return found[-1]
    if isinstance(select, int) or (select.isdecimal() and len(select) < 10):
        if not 1 <= int(select) <= len(found):
            raise GenotypeError(f"there is no genotype {select}; select one of 1 to {len(found)}")
        return found[int(select) - 1]
    if not select.strip():
        raise GenotypeError("--select is empty; give a number from 1 or a name, or leave it out")
    wanted = {select.casefold(), aliases.get(select, select).casefold()}
    named = [one for one in found if one.name.casefold() in wanted]
    if not named:
        names = dict.fromkeys(one.name for one in found if one.name)
        raise GenotypeError(f"no genotype here is named {choices(select, names)}" if names else
                            f"no genotype here has a name, so none is {select!r}; select one of 1 "
                            f"to {len(found)}")
    if len(named) > 1:
        notes.append(f"{len(named)} genotypes are named {select}; took the last, from line "
                     f"{named[-1].line}")
    return named[-1]


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
    """The fields by name; positions have those of the namedtuple in the text, or the usual ones."""
    usual = RECURRENT_FIELDS if len(call.args) + len(call.keywords) == len(
        RECURRENT_FIELDS) else (*CONV_FIELDS, "connectN", "connects")
    names = tuple_fields or list(usual)
    if len(call.args) > len(names):
        raise GenotypeError(f"{len(call.args)} values without a name; a Genotype has "
                            f"{', '.join(names)}")
    fields: dict[str, object] = {}
    for name, node in (*zip(names, call.args, strict=False),
                       *((keyword.arg, keyword.value) for keyword in call.keywords)):
        if name is None:
            raise GenotypeError("** is not read; write the fields out, as in normal=[...]")
        if name in fields:
            raise GenotypeError(f"{name} is given twice")
        try:
            fields[name] = value(node, one.place)
        except GenotypeError as error:
            raise GenotypeError(f"{name}: {error}") from None
    return fields


def _place_of(tree: ast.expr, one: Found, message: str) -> str:
    """Where the fault stands that `message` tells of, unless it tells that itself."""
    if " at line " in message:
        return ""
    for node in ast.walk(tree):
        if (isinstance(node, ast.Constant) and isinstance(node.value, str)
                and f"unknown operation {node.value!r}" in message
                and node.value not in (*CONV_OPERATIONS, *RECURRENT_OPERATIONS)):
            return f" (at {one.place(node.lineno, node.col_offset + 1)})"
    return f" (at {one.place()})" if (one.line, one.column) != (1, 1) else ""
