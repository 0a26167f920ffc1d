"""Writes standard JSON, for all files of the project.

Python writes the words NaN and Infinity, which RFC 8259 does not allow: `JSON.parse` of a browser,
`jq` and most other readers refuse the whole file.  Here they become null.
"""

from __future__ import annotations

import json
import math
from typing import Any


def dumps(value: object, **layout: Any) -> str:
    """`value` as JSON, with options of `json.dumps`; NaN and infinite floats become null.

    >>> dumps({"loss": float("nan"), "epochs": [1, 2.5]})
    '{"loss": null, "epochs": [1, 2.5]}'
    """
    try:
        return json.dumps(value, allow_nan=False, **layout)
    except ValueError:  # rare; the common case traverses the value only once
        return json.dumps(_finite(value), allow_nan=False, **layout)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value
