"""The text of `--limit`: a bound such as ``params<=50k``, or an objective such as ``params``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from zoo.genotypes.serialization import Genotype
from zoo.messages.spelling import either

#: A figure of a cell, such as its number of parameters.
Figure: TypeAlias = Callable[[Genotype], float]
#: The factors of the units of a measure, by name; empty if its figures have no unit.
Units: TypeAlias = Mapping[str, float]

TIMES: Units = {"ms": 1.0, "us": 1e-3, "s": 1e3}  # in milliseconds
SIZES: Units = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20,
                "GiB": 2.0**30}  # in bytes
COUNTS: Units = {"k": 1e3, "M": 1e6, "G": 1e9}

_BOUND = re.compile(r"\s*(.+?)\s*(<=|>=)\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*([^\W\d]*)\s*")
_OBJECTIVE = re.compile(r"\s*([^<>=]*[^<>=\s])\s*")


def _without(measure: str) -> Units:
    return {}


@dataclass(frozen=True)
class Limit:
    """The figure of `measure` is at most (``<=``) or at least (``>=``) `number` times the `factor`
    of its `unit`.

    Examples:
        >>> from search.limits.limit import COUNTS, Limit
        >>> limit = Limit.read("params <= 50k", lambda measure: COUNTS)
        >>> str(limit), limit.value, limit.met_by(50_001)
        ('params<=50k', 50000.0, False)
    """

    measure: str
    sign: str
    number: float
    unit: str = ""
    factor: float = 1.0

    @classmethod
    def read(cls, text: str, units: Callable[[str], Units] = _without) -> Limit:
        """Parse ``MEASURE<=NUMBER`` or ``MEASURE>=NUMBER``, with one of the `units` of the measure
        after the number.  Raises ValueError."""
        match = _BOUND.fullmatch(text)
        try:
            number = float(match[3]) if match else math.nan
        except ValueError:
            number = math.nan
        if not match or not math.isfinite(number):
            raise ValueError(f"--limit is MEASURE<=NUMBER, MEASURE>=NUMBER, or MEASURE alone as an "
                             f"objective, such as 'params<=50k', not {text!r}")
        known, unit = units(match[1]), match[4]
        if unit and unit not in known:
            raise ValueError(f"--limit {text}: unknown unit {unit!r}; " + (
                f"{match[1]} is in {either(known)}" if known else
                f"the figures of {match[1]} have none, leave it out"))
        return cls(match[1], match[2], number, unit, known[unit] if unit else 1.0)

    @property
    def value(self) -> float:
        """The bound in the measure's own unit: milliseconds, bytes, or a number."""
        return self.number * self.factor

    def __str__(self) -> str:
        # `read` parses it to the same number: a resumed run has only this text.
        return f"{self.measure}{self.sign}{repr(self.number).removesuffix('.0')}{self.unit}"

    def met_by(self, figure: float) -> bool:
        """Whether a figure is within the limit; NaN is not."""
        return figure <= self.value if self.sign == "<=" else figure >= self.value

    def excess(self, figure: float) -> float:
        """How far a figure is beyond the limit, relative to it; 0 within."""
        beyond = figure - self.value if self.sign == "<=" else self.value - figure
        return max(0.0, beyond) / (abs(self.value) or 1.0)


@dataclass(frozen=True)
class Limits:
    """The limits that every candidate meets, and the measures that a search minimizes beside its
    metric."""

    bounds: tuple[Limit, ...] = ()
    objectives: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.bounds or self.objectives)

    @property
    def measures(self) -> tuple[str, ...]:
        """Every measure that is limited or minimized, once."""
        return tuple(dict.fromkeys((*self.objectives, *(each.measure for each in self.bounds))))

    @property
    def texts(self) -> list[str]:
        """What `read_limits` reads as these limits."""
        return [*map(str, self.bounds), *self.objectives]


def read_limits(texts: Iterable[str], units: Callable[[str], Units] = _without) -> Limits:
    """Parse every `--limit` of a run: bounds, and measures without a value as objectives.

    Raises ValueError.

    Examples:
        >>> from search.limits.limit import read_limits
        >>> limits = read_limits(["latency_pixel3", "latency_pixel3<=10"])
        >>> limits.objectives, limits.texts
        (('latency_pixel3',), ['latency_pixel3<=10', 'latency_pixel3'])
    """
    texts = list(texts)
    bounds = [Limit.read(text, units) for text in texts if not _OBJECTIVE.fullmatch(text)]
    return Limits(tuple(bounds), objectives(texts))


def objectives(texts: Iterable[str]) -> tuple[str, ...]:
    """The measures among the texts of `--limit` that are objectives, each once."""
    return tuple(dict.fromkeys(
        match[1] for text in texts if (match := _OBJECTIVE.fullmatch(text))))
