"""Damaged weight files give a one-line error: no traceback, no delay, nothing written."""

import contextlib
import io
import random
import time
import zipfile
from functools import cache

import pytest
from typer.testing import CliRunner

from tests.zoo.checkpoints.kinds import HOLDING, HOLDING_NONE, SIZES
from zoo.checkpoints.file import WeightsError, loaded
from zoo.cli import app
from zoo.create import create_model

_SOURCES = ["state dict", "old format", "safetensors", "harmless values beside it",
            "Lightning"]
_BROKEN = ["page", "git-lfs", "zip", "TorchScript", "tar", "gzip", "pickle", "JSON", "text",
           "whole module", "malicious, of the old format", "class of the author's", "protocol 4"]


@cache
def source(kind: str) -> bytes:
    return HOLDING[kind]() if kind in HOLDING else HOLDING_NONE[kind][0]()


def changed(content: bytes, draw: random.Random) -> bytes:
    """Change, remove, repeat or insert a few bytes, mostly among names and shapes."""
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        reach = max(1, min(len(content), draw.choice((16, 300, 3000, len(content) or 1))))
        at, length = draw.randrange(reach), draw.randrange(1, 20)
        new = draw.choice((
            draw.randbytes(1), draw.randbytes(1), draw.randbytes(length), b"",
            content[at:at + length] * 2, b"\x00", b"\xff" * length, b"cos\nsystem\n(S'echo'\ntR"))
        content = content[:at] + new + content[at + draw.choice((0, 1, len(new), length)):]
    return content[:draw.randrange(len(content) + 1)] if draw.random() < 0.1 else content


def mutated(content: bytes, draw: random.Random) -> bytes:
    """Damage a file; in a zip often the pickle, with its checksum updated."""
    if content[:2] != b"PK" or draw.random() < 0.3:
        return changed(content, draw)
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        names = old.namelist()
        target = next((name for name in names if name.endswith("/data.pkl")), names[0])
        for name in names:
            part = old.read(name)
            new.writestr(name, changed(part, draw) if name == target else part)
    return file.getvalue()


def check(number: int, tmp_path) -> None:
    draw = random.Random(number)
    kind = draw.choice(_SOURCES) if draw.random() < 0.7 else draw.choice(_BROKEN)
    content = mutated(source(kind), draw)
    (tmp_path / "a.pt").write_bytes(content)
    began = time.monotonic()
    result = CliRunner().invoke(app, ["import", str(tmp_path / "a.pt"), "--cell", "DARTS_V2",
                                      "-o", str(tmp_path / "out")])
    said = result.stderr.splitlines()
    assert result.exception is None or isinstance(result.exception, SystemExit), (kind, number)
    if result.exit_code:
        assert result.exit_code == 1 and len(said) == 1 and said[0].startswith("error: "), said
        assert [path.name for path in tmp_path.iterdir()] == ["a.pt"], (kind, number)
    with contextlib.suppress(ValueError):  # any other exception is a fault
        create_model("DARTS_V2", weights=tmp_path / "a.pt", **SIZES)
    assert time.monotonic() - began < 20, (kind, number)


@pytest.mark.parametrize("part", range(4))
def test_damaged_files(part, tmp_path):
    for number in range(50 * part, 50 * part + 50):
        folder = tmp_path / str(number)
        folder.mkdir()
        check(number, folder)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_many_damaged_files(part, tmp_path):
    for number in range(1000 + 50 * part, 1050 + 50 * part):
        folder = tmp_path / str(number)
        folder.mkdir()
        check(number, folder)


def test_mutations_reach_the_reader():
    """Some damaged files still load, some could run code, some fail otherwise."""
    seen = set()
    for number in range(200):
        content = mutated(source("old format"), random.Random(number))
        try:
            loaded(content, "a.pt")
            seen.add("loads")
        except WeightsError as error:
            seen.add("code" if "could run any code" in str(error) else "damaged")
    assert seen == {"loads", "code", "damaged"}
