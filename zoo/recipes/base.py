"""What all settings have: changes by name, and values read from files and the command line.

An unknown name is told with the nearest one, and a value is converted to its field's type.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from typing_extensions import Self

from zoo.messages.spelling import choices
from zoo.messages.validation import reason

#: Names until release 0.3, which runs of that time hold and which are still read.
RENAMED = {"average": "ema_decay", "time": "bptt", "random_time": "random_bptt",
           "activation": "ar_weight", "slowness": "tar_weight", "colour": "color"}


def current_names(values: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """`values` by the names of today, where they have those of an earlier release."""
    known = set(known)
    return {RENAMED[name] if name not in known and RENAMED.get(name) in known else name: value
            for name, value in values.items()}


def check_known(values: Iterable[str], known: Iterable[str], where: str = "") -> None:
    """Raise ValueError for the first of `values` that is not `known`, with the nearest one."""
    known = list(known)
    for name in values:
        if name not in known:
            raise ValueError(f"{where}unknown setting {choices(name, known)}")


def check_not_negative(settings: object, *names: str) -> None:
    """Raise ValueError for the first of the settings that is below 0, NaN or infinite."""
    for name in names:
        value = getattr(settings, name)
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be at least 0, not {value!r}")


T = TypeVar("T")


def validated(kind: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """A dataclass `kind` of `values`, each converted to the type of its field.

    Raises ValueError in one line, which `where` begins.
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
    """Base of the frozen dataclasses that hold settings."""

    if TYPE_CHECKING:  # its subclasses are dataclasses
        __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @classmethod
    def names(cls) -> list[str]:
        """Of all settings."""
        return list(cls.__dataclass_fields__)

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """Settings from `values` of a file or the command line, the others at their defaults.

        Raises ValueError for an unknown name, with the nearest one, and for a value of another
        type or out of range; `where` begins the message.
        """
        return cls().changed(values, where)

    def changed(self, values: Mapping[str, Any], where: str = "") -> Self:
        """These settings with others from `values`.  Raises as `read` does."""
        if not isinstance(values, Mapping):  # from a file, which may hold anything
            raise ValueError(f"{where or 'settings: '}expected one `name: value` per setting, "
                             f"found {values!r}")
        known = self.names()
        values = current_names(values, known)
        check_known(values, known, where)
        return validated(type(self), {name: getattr(self, name) for name in known} | values, where)

    def but(self, **changes: Any) -> Self:
        """These settings with those that are not None in `changes`."""
        given = {name: value for name, value in changes.items() if value is not None}
        return dataclasses.replace(self, **current_names(given, self.names()))
