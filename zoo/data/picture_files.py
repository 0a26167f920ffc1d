"""Recognizes picture files by suffix: all formats that the installed Pillow reads."""

from __future__ import annotations

import os
import sys
from functools import lru_cache

from PIL import Image, ImageFile

# Registered with Pillow but not read: films, and PostScript, which runs Ghostscript.
_NOT_READ = {"MPEG", "EPS"}


@lru_cache(maxsize=1)
def suffixes() -> frozenset[str]:
    """The suffixes of the readable formats, in lower case, with the dot."""
    Image.init()
    return frozenset(suffix for suffix, name in Image.registered_extensions().items()
                     if name in Image.OPEN and name not in _NOT_READ and not _is_stub(name))


def _is_stub(name: str) -> bool:
    """Whether Pillow only identifies the format and needs a plugin to read it."""
    reader = Image.OPEN[name][0]
    if not (isinstance(reader, type) and issubclass(reader, ImageFile.StubImageFile)):
        return False
    return getattr(sys.modules[reader.__module__], "_handler", None) is None


def is_picture(name: str) -> bool:
    """Whether `name` is that of a picture file.

    Hidden files are not: macOS stores metadata of ``a.png`` in ``._a.png``.
    """
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes()
