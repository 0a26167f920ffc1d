"""What pydantic finds wrong with a value from a file or the command line, in words of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: By the beginning of the kind of error: what the value has to be.
_WANTED = {
    "int": "a whole number", "float": "a number", "finite_number": "a finite number",
    "bool": "true or false", "string": "text", "path": "a path", "list": "a list",
    "tuple": "a list", "dict": "names with values", "model": "names with values",
    "dataclass": "names with values", "none_required": "left out",
}
_BOUNDS = {"greater_than_equal": ("at least", "ge"), "greater_than": ("above", "gt"),
           "less_than_equal": ("at most", "le"), "less_than": ("below", "lt")}


def reason(error: Mapping[str, Any]) -> str:
    """Of one of `ValidationError.errors()`: what the value has to be, or what the code says itself.

    >>> reason({"type": "int_parsing", "msg": "Input should be a valid integer, unable to ..."})
    'it must be a whole number'
    """
    kind, message = error["type"], error["msg"]
    if kind == "value_error":  # raised by a check of ours
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
        return "it has another form than is written here"
    for beginning, wanted in _WANTED.items():
        if kind.startswith(beginning):
            return f"it must be {wanted}"
    return message[0].lower() + message[1:]
