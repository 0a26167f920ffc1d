"""Limits on the columns of a table, such as ``latency_pixel3<=10``."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.genotypes.table import Table, TableError

_FORM = re.compile(r"\s*(.+?)\s*(<=|>=)\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*")


@dataclass(frozen=True)
class Limit:
    """The figure of `column` is at most (``<=``) or at least (``>=``) `value`."""

    column: str
    sign: str
    value: float

    @classmethod
    def read(cls, text: str) -> Limit:
        """Parse ``COLUMN<=NUMBER`` or ``COLUMN>=NUMBER``.  Raises ValueError."""
        match = _FORM.fullmatch(text)
        try:
            value = float(match[3]) if match else math.nan
        except ValueError:
            value = math.nan
        if not match or not math.isfinite(value):
            raise ValueError(f"--limit is COLUMN<=NUMBER or COLUMN>=NUMBER, such as "
                             f"'latency_pixel3<=10', not {text!r}")
        return cls(match[1], match[2], value)

    def __str__(self) -> str:
        # `read` parses it to the same number: a resumed run has only this text.
        return f"{self.column}{self.sign}{repr(self.value).removesuffix('.0')}"

    def met_by(self, figure: float) -> bool:
        """Whether a figure is within the limit; NaN is not."""
        return figure <= self.value if self.sign == "<=" else figure >= self.value


def within(table: Table, limits: Sequence[Limit]) -> list[bool]:
    """Whether each row of `table` meets all `limits`.

    Raises TableError for an unknown column, and if no row meets a limit, naming the nearest figure.
    """
    met = [True] * len(table)
    for limit in limits:
        figures = table.column(limit.column)
        met = [before and limit.met_by(figure) for before, figure in zip(met, figures)]
        if not any(map(limit.met_by, figures)):
            known = [figure for figure in figures if math.isfinite(figure)]
            nearest = (min if limit.sign == "<=" else max)(known, default=None)
            raise TableError(f"no cell of {table.path} meets {limit}; " + (
                "the column is empty" if nearest is None else
                f"the {'smallest' if limit.sign == '<=' else 'largest'} figure is {nearest:g}"))
    if limits and not any(met):
        raise TableError(f"no cell of {table.path} meets {' and '.join(map(str, limits))} at once; "
                         "relax one of them")
    return met
