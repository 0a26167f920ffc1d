"""Which files are pictures: by their suffix, all that the installed Pillow reads."""

from __future__ import annotations

import os
import sys
from functools import lru_cache

from PIL import Image, ImageFile

# Known to Pillow by name and not read: films, and PostScript, which it has Ghostscript run.
_NOT_READ = {"MPEG", "EPS"}


@lru_cache(maxsize=1)
def suffixes() -> frozenset[str]:
    """Those of the formats that can be read here, in small letters, with their dot."""
    Image.init()
    return frozenset(suffix for suffix, name in Image.registered_extensions().items()
                     if name in Image.OPEN and name not in _NOT_READ and not _is_stub(name))


def _is_stub(name: str) -> bool:
    """Is it a format that Pillow tells from others, and needs somebody else's code to read?"""
    reader = Image.OPEN[name][0]
    if not (isinstance(reader, type) and issubclass(reader, ImageFile.StubImageFile)):
        return False
    return getattr(sys.modules[reader.__module__], "_handler", None) is None


def is_picture(name: str) -> bool:
    """Is `name` that of a picture file?  Those of dot-files are not: macOS keeps notes of ``a.png``
    in ``._a.png``, which ends like one."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes()
