"""Suggestions for misspelled names in errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def either(names: Iterable[str]) -> str:
    """The names as alternatives in a sentence.

    >>> either(["wasm", "webgl", "webgpu"])
    'wasm, webgl or webgpu'
    """
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def did_you_mean(name: object, among: Iterable[str], most: int = 1) -> str:
    """"did you mean X? " with up to `most` similar names, or nothing.

    Names of the same letters, with some swapped, come first.

    >>> did_you_mean("drats", ["darts", "drnas"])
    'did you mean darts? '
    """
    names = {str(allowed).casefold(): str(allowed) for allowed in among}
    word = str(name).casefold()
    close = difflib.get_close_matches(word, names, n=max(1, len(names)))
    close.sort(key=lambda near: sorted(near) != sorted(word))
    return f"did you mean {' or '.join(names[near] for near in close[:most])}? " if close else ""


def choices(name: object, among: Iterable[str]) -> str:
    """`name`, the most similar allowed name, and all allowed names: the end of an error."""
    among = list(among)
    return f"{name!r}; {did_you_mean(name, among)}there are {', '.join(among)}"
