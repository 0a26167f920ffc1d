"""Ctrl-C and SIGTERM at any moment, from the first import on: one line with the remedy."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo.system import interrupts

ROOT = Path(__file__).parents[3]

# Starts a command as `python -m NAME` does, and sends a signal when the import of MODULE begins.
START = """
import os, runpy, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Interrupt())
sys.orig_argv = ["python", "-m", {words!r}[0], *{words!r}[1:]]
sys.argv = {words!r}
runpy.run_module({words!r}[0], run_name="__main__", alter_sys=True)
"""


def start(words, module, number, cwd):
    code = START.format(module=module, number=int(number), words=list(map(str, words)))
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120)


@pytest.mark.parametrize("words, module", [
    (["zoo", "list"], "typer"), (["zoo", "list"], "zoo.messages.notes"),
    (["zoo", "train", "my cell.json"], "zoo.commands.train"),
    (["zoo", "train", "DARTS", "--data", "digits"], "torch"),
    (["search", "resume", "a run"], "typer"), (["search", "resume", "a run"], "zoo.cli"),
    (["search", "resume", "a run"], "search.runner"),
    (["search", "run", "-o", "x"], "torch"),
])
def test_during_imports(words, module, tmp_path):
    done = start(words, module, signal.SIGINT, tmp_path)
    quoted = " ".join(f"'{word}'" if " " in word else word for word in words)
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert done.stderr == f"interrupted; go on with `{quoted}`\n"
    assert not list(tmp_path.iterdir())


def test_sigterm_says_how_to_continue(tmp_path):
    done = start(["zoo", "train", "DARTS"], "zoo.data.sets.digits", signal.SIGTERM, tmp_path)
    assert (done.returncode, done.stdout) == (143, "")
    assert done.stderr.splitlines()[-1] == "terminated; go on with `zoo train DARTS`"


@pytest.mark.slow
@pytest.mark.parametrize("words", [["zoo", "show", "DARTS"], ["search", "list"]])
def test_at_every_moment_after_the_start(words, tmp_path):
    """From our first line to the end; once all is printed, the command has succeeded."""
    def begin():
        return subprocess.Popen([sys.executable, "-X", "importtime", "-m", *words], cwd=tmp_path,
                                env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    began = time.monotonic()
    assert begin().wait() == 0
    whole = time.monotonic() - began
    codes = set()
    for turn in range(40):
        process = begin()
        for line in process.stderr:  # our first module is loaded
            if "zoo.system.interrupts" in line:
                break
        time.sleep(whole * turn / 40)
        process.send_signal(signal.SIGINT)
        said = [line for line in process.stderr if not line.startswith("import time:")]
        process.stderr.close()
        codes.add(process.wait())
        assert said in ([], [f"interrupted; go on with `{' '.join(words)}`\n"])
        assert process.returncode == (130 if said else 0)
    assert codes == {0, 130}


# --- the line -------------------------------------------------------------------------------


def test_the_remedy_is_computed_when_it_is_printed(capsys):
    ways = ["first"]
    interrupts.begin()
    with pytest.raises(KeyboardInterrupt), interrupts.resumable(lambda: ways[-1]):
        ways.append("last")
        raise KeyboardInterrupt
    interrupts.say()
    interrupts.say()
    assert capsys.readouterr().err == "interrupted; last\n"


def test_a_remedy_ends_with_its_block(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["zoo", "list"])
    interrupts.begin()
    with interrupts.resumable(lambda: "inner"):
        pass
    interrupts.say()
    assert capsys.readouterr().err == "interrupted; go on with `zoo list`\n"


def test_the_first_of_several_processes_prints_it(capsys, monkeypatch):
    interrupts.begin()
    monkeypatch.setenv("RANK", "1")
    interrupts.say()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error, code", [(KeyboardInterrupt, 130), (SystemExit(3), 3),
                                         (SystemExit(143), 143), (None, 0)])
def test_the_exit_code(error, code, monkeypatch):
    def command():
        if error is not None:
            raise error

    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    interrupts.begin()
    try:
        with pytest.raises(SystemExit) as caught:
            interrupts.run(command)
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
    assert caught.value.code == code
