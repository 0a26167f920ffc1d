"""Rephrases the validation errors of pydantic in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Expected values by the prefix of the error type.
_EXPECTED = {
    "int": "a whole number", "float": "a number", "finite_number": "a finite number",
    "bool": "true or false", "string": "text", "path": "a path", "list": "a list",
    "tuple": "a list", "dict": "names with values", "model": "names with values",
    "dataclass": "names with values", "none_required": "omitted",
}
_BOUNDS = {"greater_than_equal": ("at least", "ge"), "greater_than": ("above", "gt"),
           "less_than_equal": ("at most", "le"), "less_than": ("below", "lt")}


def reason(error: Mapping[str, Any]) -> str:
    """What the value must be, for one of `ValidationError.errors()`; a ValueError's own message.

    >>> reason({"type": "int_parsing", "msg": "Input should be a valid integer, unable to ..."})
    'it must be a whole number'
    """
    kind, message = error["type"], error["msg"]
    if kind == "value_error":  # raised by the project's own validators
        return message.removeprefix("Value error, ")
    if kind == "json_invalid":
        return "it is not JSON"
    if kind == "missing":
        return "it is missing"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return "there is no such field"
    if kind in _BOUNDS:
        word, name = _BOUNDS[kind]
        return f"it must be {word} {error['ctx'][name]:g}"
    if kind == "literal_error":
        return f"it must be {error['ctx']['expected']}"
    if kind == "string_pattern_mismatch":
        return "it has the wrong form"
    for prefix, expected in _EXPECTED.items():
        if kind.startswith(prefix):
            return f"it must be {expected}"
    return message[0].lower() + message[1:]
