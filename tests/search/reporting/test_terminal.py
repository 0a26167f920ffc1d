"""The display of a running search on a terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from multiprocessing import connection

import pytest

from search.reporting import terminal
from tests import processes
from tests.search.small_data import SAMPLED, TINY, digits_folder, without_estimate

pytestmark = pytest.mark.xdist_group("processes")

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(columns, *words, typed, home):
    """(the output to a terminal of that width, its lines without escape sequences).

    The command is started as if `typed`, or else forked from a process with all imports.
    """
    environment = {"GENOTYPE_ZOO_DATA": str(home), "TERM": "xterm-256color", "COLUMNS": None,
                   "LINES": None}
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    if typed:
        process = subprocess.Popen(
            [sys.executable, "-m", "search", *map(str, words)], stderr=theirs,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env={name: value for name, value in {**os.environ, **environment}.items()
                 if value is not None})
        end = process.wait
    else:
        process = processes.begin("search", words, err=os.ttyname(theirs), prepare=without_estimate,
                                  environment=environment)
        connection.wait([ours, process.sentinel])  # until the process opens the terminal

        def end():
            process.join()
            return process.exitcode

    os.close(theirs)
    sent = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:  # Linux's end of a terminal that no process holds open
            break
        if not more:
            break
        sent += more
    os.close(ours)
    assert end() == 0, sent
    text = sent.decode()
    return text, [ESCAPES.sub("", line) for line in re.split(r"[\r\n]+", text)]


@pytest.mark.parametrize("columns, typed", [(80, True), (120, False)])
def test_two_lines_live_on_a_terminal(columns, typed, tmp_path):
    images = digits_folder(tmp_path / "images", count=192, classes=10)
    text, lines = on_terminal(columns, "run", "--strategy", "gdas", *TINY, "--batch-size", 16,
                              "--data", "folder", "--path", images, "-o", tmp_path / "run",
                              typed=typed, home=tmp_path / "mine")
    assert max(map(len, lines)) <= columns  # no line wraps
    live = [line for line in lines if " left  epoch 3/3 step " in line]
    assert re.search(r"\d+% \d:\d\d:\d\d left  epoch 3/3 step \d/6  loss \d+\.\d{3}  "
                     r"valid \d+\.\d{3} acc \d+\.\d\d%$", live[-1].rstrip())
    assert any("━" in line for line in live) == (columns == 120)
    assert any(line.startswith("normal ") and "reduce" in line for line in lines)
    assert any(re.match(r"[\d.]+ s per step: about .* in total, without validation", line)
               for line in lines)
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor comes back
    assert "\x1b[2J" not in text  # and the screen is never cleared


def test_warnings_are_shown_on_a_terminal(tmp_path):
    images = digits_folder(tmp_path / "images")
    text, lines = on_terminal(80, "run", "--strategy", "random", *SAMPLED, "--candidates", 2,
                              "--learning-rate", "1e18", "--data", "folder", "--path", images,
                              "-o", tmp_path / "run", typed=False, home=tmp_path / "mine")
    assert "\x1b[33m  warning: the training of candidate 0 diverged" in text
    assert any(re.search(r"epoch 1/1 candidate [12]/2", line) for line in lines)


def test_the_duration_is_estimated_after_ten_steps_even_if_reported_at_once(monkeypatch):
    now = iter(range(0, 1000, 2))
    monkeypatch.setattr(terminal.time, "perf_counter", lambda: next(now))
    said, shown = [], []
    screen = terminal.Display(said.append, lambda share, lines: shown.append((share, lines[0])))
    screen.on_event("done", 1)
    screen.epochs = 3
    screen.report(0, 40, {})
    screen.report(16, 40, {"train_loss": 0.5})
    screen.report(17, 40, {})
    assert said == ["0.12 s per step: about 10 s in total, without validation"]
    assert shown[1] == (56 / 120, "0:00:08 left  epoch 2/3 step 16/40  loss 0.500")
