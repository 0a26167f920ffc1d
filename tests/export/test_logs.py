"""The converters' output is captured, wherever Python's streams lead, and shown on failure."""

import logging
import os
import subprocess
import sys

import pytest

from export.logs import ConversionError, captured


def noise():
    print("from print")
    print("from stderr", file=sys.stderr)
    os.write(2, b"from C++\n")
    subprocess.run([sys.executable, "-c", "print('from a process')"], stdout=sys.stderr, check=True)


def test_nothing_is_printed_on_success(capsys):
    """`capsys` replaces Python's streams, as a notebook does."""
    with captured():
        noise()
    assert capsys.readouterr() == ("", "")


def test_a_failure_shows_the_captured_output(capsys):
    with pytest.raises(ConversionError), captured():
        noise()
        raise ConversionError("tfjs: no")
    out, err = capsys.readouterr()
    assert out == ""
    assert sorted(err.splitlines()[1:-1]) == [
        "from C++", "from a process", "from print", "from stderr"]


def test_a_logger_created_inside_works_later(capsys):
    with captured():
        handler = logging.StreamHandler()
        handler.handle(logging.makeLogRecord({"msg": "inside"}))
    handler.handle(logging.makeLogRecord({"msg": "later"}))
    assert capsys.readouterr().err == "later\n"
