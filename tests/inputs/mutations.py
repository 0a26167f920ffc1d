"""Small random damage to bytes, text, plain values and folders, from a seeded generator."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

_PIECES = ("(", ")", "[", "]", "{", "}", "'", '"', ",", ":", "\n", "\r", "\t", "\0", "#", "-", "\\",
           "9" * 400, "1e999", "NaN", "null", "None", "true", "\ufeff", "\u2028", "\x1b[31m", "../",
           "é", "&a", "*a", "!!python/object:os.system", "<<: ")
_VALUES = (None, True, -1, 0, 2, 10**30, 0.5, -0.5, float("nan"), float("inf"), "", "x", "../x",
           "a\nb", "\x1b[31m", "\ud800", [], {}, [[]], [None], [1, "x"], {"x": None}, {"": []})
_NAMES = ("b", "Train", "TEST", ".x", "._x.png", "x y", "-x", "é", "CON", "a" * 200, "x.png",
          "x.PNG", "x.txt", "images", "val", "val_annotations.txt", "line\nbreak.png",
          os.fsdecode(b"\xff.png"), "Thumbs.db", ".DS_Store", "__MACOSX", "desktop.ini", "x.")


def damaged_bytes(content: bytes, draw: random.Random) -> bytes:
    """Change, remove, repeat or insert a few bytes, mostly near the beginning."""
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        reach = max(1, min(len(content), draw.choice((16, 300, len(content) or 1))))
        at, length = draw.randrange(reach), draw.randrange(1, 20)
        new = draw.choice((draw.randbytes(1), draw.randbytes(length), b"", b"\0", b"\xff" * length,
                           content[at:at + length] * 2))
        content = content[:at] + new + content[at + draw.choice((0, 1, len(new), length)):]
    return content[:draw.randrange(len(content) + 1)] if draw.random() < 0.1 else content


def damaged_text(text: str, draw: random.Random) -> bytes:
    """Truncate, remove or insert a piece, sometimes in another encoding."""
    for _ in range(draw.choice((1, 1, 2))):
        at, end = sorted(draw.choices(range(len(text) + 1), k=2))
        text = draw.choice((
            text[:at], text[at:], text[:at] + text[min(end, at + 9):],
            text[:at] + draw.choice(_PIECES) + text[at:],
            text[:at] + draw.choice(_PIECES) + text[at + 1:], text[:end] + text[at:]))
    code = draw.choice(("utf-8",) * 6 + ("utf-8-sig", "utf-16", "utf-16-le", "latin-1", "utf-32"))
    return text.encode(code, errors="replace")


def damaged_value(value: object, draw: random.Random) -> object:
    """Change, remove or add one or two entries of a plain value, at any depth."""
    value = json.loads(json.dumps(value))
    for _ in range(draw.choice((1, 1, 2))):
        holder, key = _place({"": value}, "", draw)
        what = draw.random()
        if what < 0.7:
            holder[key] = draw.choice(_VALUES)
        elif what < 0.85 and holder.keys() != {""} if isinstance(holder, dict) else what < 0.85:
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw.choice(("x", f"{key}s", str(key).upper()))] = holder[key]
        if isinstance(holder, dict) and holder.keys() >= {""}:
            value = holder[""]
    return value


def _place(holder, key, draw: random.Random):
    """A container in `holder[key]`, or `holder` itself, and the key of one of its entries."""
    inner = holder[key]
    keys: Sequence = (list(inner) if isinstance(inner, dict) else
                      range(len(inner)) if isinstance(inner, list) else ())
    if not keys or draw.random() < 0.05:
        return holder, key
    return _place(inner, draw.choice(keys), draw) if draw.random() < 0.9 else (
        inner, draw.choice(keys))


def damage_folder(folder: Path, draw: random.Random) -> None:
    """Rename, move, copy, remove, empty, link or replace a few entries of a tree."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        entries = sorted(path for path in folder.rglob("*") if not path.is_symlink())
        if not entries:
            return
        entry, other = draw.choice(entries), draw.choice([folder, *entries])
        inside = other if other.is_dir() else other.parent
        new = inside / draw.choice(_NAMES)
        what = draw.randrange(9)
        if what < 2 and not os.path.lexists(new) and not inside.is_relative_to(entry):
            entry.rename(new)
        elif what == 2:
            _remove(entry)
        elif what == 3 and not os.path.lexists(new):
            new.mkdir()
        elif what == 4 and not new.is_dir():
            new.write_bytes(draw.choice((b"", b"text\n", draw.randbytes(30))))
        elif what == 5 and not os.path.lexists(new):
            new.symlink_to(draw.choice((entry, Path("nowhere"), folder, new)))
        elif what == 6 and entry.is_file():
            entry.write_bytes(damaged_bytes(entry.read_bytes(), draw))
        elif what == 7 and entry.is_dir() and not os.path.lexists(new) and entry != inside \
                and not inside.is_relative_to(entry):
            shutil.copytree(entry, new, symlinks=True)
        elif what == 8:
            _remove(entry)
            entry.mkdir() if draw.random() < 0.5 else entry.write_bytes(b"")


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry)
    else:
        entry.unlink()
