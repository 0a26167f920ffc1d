"""Printed commands can be pasted into a shell, whatever characters their names contain."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.messages.command_line import command, typed

NAMES = ["plain", "my cells/a.json", "it's", "$HOME", "a;b", "*", "ä ö", "-x", '"q"', "new\nline"]


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_reads_the_words_that_were_meant(name):
    line = command("printf", "%s", Path(name), 3)
    assert shlex.split(line)[2].removeprefix("./") == name
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert done.stdout.removeprefix("./") == f"{name}3"


def test_a_path_is_not_taken_for_an_option():
    assert command("zoo", "show", Path("-x.json")) == "zoo show ./-x.json"
    assert command("zoo", "show", "--json") == "zoo show --json"


@pytest.mark.parametrize("argv, orig, line", [
    (["/bin/zoo", "train", "-m", "my cell.json"],
     ["python", "/bin/zoo", "train", "-m", "my cell.json"], "zoo train -m 'my cell.json'"),
    (["-m", "resume", "run"], ["python", "-X", "dev", "-m", "search", "resume", "run"],
     "search resume run"),
    (["/a/search/__main__.py", "list"], ["python", "-m", "search.cli", "list"], "search list"),
])
def test_the_command_that_was_typed(argv, orig, line, monkeypatch):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig)
    assert typed() == line
    assert typed("--resume") == f"{line} --resume"
    assert typed(argv[-1]) == line
