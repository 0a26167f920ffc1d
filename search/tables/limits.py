"""Limits on the columns of a table, such as ``latency_pixel3<=10``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from search.limits.limit import Limit
from zoo.genotypes.table import Table, TableError


def within(table: Table, limits: Sequence[Limit]) -> list[bool]:
    """Whether each row of `table` meets all `limits`.

    Raises TableError for an unknown column, and if no row meets a limit, naming the nearest figure.
    """
    met = [True] * len(table)
    for limit in limits:
        figures = table.column(limit.measure)
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
