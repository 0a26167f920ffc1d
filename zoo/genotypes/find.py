"""Locates genotypes in any text: logs, modules, dicts.

This module locates expressions; others parse them.  Quotes and brackets in the surrounding text
have no meaning; inside an expression Python's rules apply.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from zoo.genotypes.nasbench201 import TEXT

_CALL = re.compile(r"(?<!\w)(?<!class )(?<!def )Genotype[ \t]*\(")
_QUALIFIER = re.compile(r"[\w.]*\.\Z")
_NAME = re.compile(r"^[ \t]*(\w+)[ \t]*(?::[ \t]*[\w.]+[ \t]*)?=[ \t(]*(?:\\\r?\n[ \t]*)?\Z"
                   r"|['\"](\w[\w.-]*)['\"][ \t]*:[ \t]*\Z", re.MULTILINE)
_TOKEN = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|['\"]|#[^\n]*|[()\[\]{}]"
                    r"|(?<!\w)Genotype[ \t]*\(")
_DICT_KEY = re.compile(r"['\"](?:normal|reduce|recurrent|level_2|[\w:]*edge_normal_)")
_COMPACT = re.compile(r"(?:[(\[]\s*){3}\d{1,3}\s*,\s*\d{1,3}\s*[)\]]\s*,")
#: Characters; genotypes have a few hundred, hierarchical ones with many motifs a few thousand.
_LONGEST = 200_000
_HEAD = 300  # characters before an expression to search for its name


@dataclass(frozen=True)
class Found:
    """One expression: its text, its line and column (from 1), and the name assigned to it.

    `unfinished` names what is missing, if anything; `comment` is true if it is commented out.
    """

    text: str
    line: int
    column: int
    name: str = ""
    unfinished: str = ""
    comment: bool = False

    def place(self, line: int = 1, column: int = 1) -> str:
        """A position inside the expression, in terms of the whole text."""
        column += self.column - 1 if line == 1 else 0
        return f"line {self.line + line - 1}, column {column}"


def calls(text: str) -> list[Found]:
    """Every ``Genotype(...)``, in text order."""
    found: list[Found] = []
    for match in _CALL.finditer(text):
        line = _line_starts(text)[_position(text, match.start())[0] - 1]
        found.append(_found(text, match.start(), match.end() - 1, comment=text[
            line:min(line + _HEAD, match.start())].lstrip().startswith("#")))
    return found


def dicts(text: str) -> list[Found]:
    """Every outermost ``{...}`` that has a genotype's key, in text order."""
    return [found for found in _braces(text) if _DICT_KEY.search(found.text)]


def tuples(text: str) -> list[Found]:
    """Every ``(((0, 6), (1, 4), ...), (...))``, in text order."""
    found: list[Found] = []
    end = 0
    for match in _COMPACT.finditer(text):
        if match.start() >= end:
            found.append(_found(text, match.start(), match.start()))
            end = match.start() + len(found[-1].text)
    return found


def edge_texts(text: str) -> list[Found]:
    """Every NAS-Bench-201 cell, ``|op~0|+|op~0|op~1|+...``, in text order."""
    found: list[Found] = []
    for match in TEXT.finditer(text):
        head = text[:match.start()].removesuffix("'").removesuffix('"')
        line, column = _position(text, match.start())
        found.append(Found(match[0], line, column, _name(text, len(head))))
    return found


def _braces(text: str) -> Iterator[Found]:
    position, tries = text.find("{"), 0
    while position >= 0 and tries < 1000:
        one = _found(text, position, position)
        tries += bool(one.unfinished) * 50  # each of these scanned up to _LONGEST in vain
        yield one
        position = text.find("{", position + (1 if one.unfinished else len(one.text)))


def whole(text: str) -> Found:
    """The whole text as one expression."""
    return Found(text.strip(), *_position(text, len(text) - len(text.lstrip())))


def aliases(text: str) -> dict[str, str]:
    """The aliases of a module, such as ``DARTS = DARTS_V2``, by name."""
    return dict(re.findall(r"^(\w+)[ \t]*=[ \t]*(\w+)[ \t]*(?:#.*)?\r?$", text, re.MULTILINE))


def fields_of_tuple(text: str) -> list[str]:
    """The field names of ``namedtuple('Genotype', ...)``, empty if the text has none."""
    match = re.search(r"namedtuple\(\s*['\"]Genotype['\"]\s*,\s*([\[(][^\])]*[\])]|'[^']*'"
                      r"|\"[^\"]*\")", text)
    return re.findall(r"\w+", match[1]) if match else []


def _found(text: str, start: int, opening: int, comment: bool = False) -> Found:
    end, unfinished = _end(text, opening)
    return Found(text[start:end], *_position(text, start), _name(text, start), unfinished, comment)


def _name(text: str, start: int) -> str:
    """The name that the expression at `start` is assigned to, or an empty string."""
    starts, line = _line_starts(text), _position(text, start)[0]
    head = text[max(starts[max(line - 2, 0)], start - _HEAD):start]  # `NAME = \` is a line above
    match = _NAME.search(_QUALIFIER.sub("", head))
    name = (match[1] or match[2]) if match else ""
    # The "genotype = Genotype(...)" of a log is not a name.
    return "" if name.casefold() in ("genotype", "arch", "geno") else name


def _end(text: str, opening: int) -> tuple[int, str]:
    """The end of the bracket at `opening`, and what is missing if it does not close."""
    depth, end = 0, min(len(text), opening + _LONGEST)
    for token in _TOKEN.finditer(text, opening, end):
        if token[0] in "([{":
            depth += 1
        elif token[0] in ")]}":
            depth -= 1
            if not depth:
                return token.end(), ""
        elif token[0] in ("'", '"'):
            return token.start(), _missing(text, token.start(), "the quote is not closed")
        elif token[0].startswith("Genotype"):
            return token.start(), _missing(text, token.start(), f"{_brackets(depth)} not closed "
                                           "before the next Genotype(")
    return end, _missing(text, end, f"{_brackets(depth)} not closed at the end")


def _brackets(depth: int) -> str:
    return "1 bracket is" if depth == 1 else f"{depth} brackets are"


def _missing(text: str, position: int, what: str) -> str:
    line, column = _position(text, position)
    return f"unfinished at line {line}, column {column}: {what}"


def _position(text: str, position: int) -> tuple[int, int]:
    starts = _line_starts(text)
    line = bisect_right(starts, position)
    return line, position - starts[line - 1] + 1


@functools.lru_cache(maxsize=1)
def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", text))]
