"""The base of all settings: changes by name, from files and the command line.

The error for an unknown name suggests the closest one; values are converted to their field's type.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from typing_extensions import Self

from zoo.messages.spelling import choices
from zoo.messages.validation import reason

#: Names until release 0.3, still read from older runs.
RENAMED = {"average": "ema_decay", "time": "bptt", "random_time": "random_bptt",
           "activation": "ar_weight", "slowness": "tar_weight", "colour": "color"}


def current_names(values: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """`values` by their current names."""
    known = set(known)
    return {RENAMED[name] if name not in known and RENAMED.get(name) in known else name: value
            for name, value in values.items()}


def check_known(values: Iterable[str], known: Iterable[str], where: str = "") -> None:
    """Raise ValueError for the first of `values` that is not `known`, suggesting the closest."""
    known = list(known)
    for name in values:
        if name not in known:
            raise ValueError(f"{where}unknown setting {choices(name, known)}")


def check_not_negative(settings: object, *names: str) -> None:
    """Raise ValueError for the first of the settings that is negative, NaN or infinite."""
    for name in names:
        value = getattr(settings, name)
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be at least 0, not {value!r}")


T = TypeVar("T")


def validated(kind: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Create the dataclass `kind` from `values`, converted to the types of its fields.

    Raises ValueError with a one-line message that starts with `where`.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # from __post_init__, which names the setting itself
            raise ValueError(where + reason(first)) from None
        raise ValueError(f"{where}{first['loc'][0]} is {first['input']!r}; {reason(first)}"
                         ) from None


class Settings:
    """The base of frozen dataclasses of settings."""

    if TYPE_CHECKING:  # its subclasses are dataclasses
        __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @classmethod
    def names(cls) -> list[str]:
        """The names of all settings."""
        return list(cls.__dataclass_fields__)

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """Settings with `values` from a file or the command line, and defaults for the others.

        Raises ValueError, starting with `where`, for an unknown name and for a value of the wrong
        type or out of range.
        """
        return cls().changed(values, where)

    def changed(self, values: Mapping[str, Any], where: str = "") -> Self:
        """A copy with `values` from a file or the command line.  Raises as `read` does."""
        if not isinstance(values, Mapping):  # from a file, which may hold anything
            raise ValueError(f"{where or 'settings: '}expected one `name: value` per setting, "
                             f"found {values!r}")
        known = self.names()
        values = current_names(values, known)
        check_known(values, known, where)
        return validated(type(self), {name: getattr(self, name) for name in known} | values, where)

    def but(self, **changes: Any) -> Self:
        """A copy with those `changes` that are not None."""
        given = {name: value for name, value in changes.items() if value is not None}
        return dataclasses.replace(self, **current_names(given, self.names()))
