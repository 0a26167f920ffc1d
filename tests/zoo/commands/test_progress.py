"""The progress of a training: a bar that fits the terminal, or plain lines without one."""

import os
import re
import subprocess
import sys

import pytest

from zoo.commands import progress
from zoo.system import interrupts

LOOP = """
from zoo.commands import progress
row = {"train_loss": 1.8991, "train_accuracy": 0.6278, "valid_accuracy": 0.68, "images": 5000,
       "seconds": 2.0}
with progress.steps("training", 96) as report:
    for step in range(501, 701):  # a run that goes on
        report(step, 1000, None)
        if step % 100 == 0:
            report(step, 1000, row | {"epoch": step // 100})
"""


def test_plain_lines_for_each_epoch():
    done = subprocess.run([sys.executable, "-c", LOOP], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [
        f"epoch {epoch}: loss 1.8991, accuracy 62.8%, held out 68.0%, 2.0 s, 2,500 images/s"
        for epoch in (6, 7)]
    assert done.stdout == ""


def test_the_bar_fits_eighty_columns():
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", LOOP], stderr=theirs, env={
        **os.environ, "COLUMNS": "80", "TERM": "xterm"})
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        text += part
    os.close(ours)
    assert process.wait() == 0
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.decode()))
    assert max(map(len, lines)) <= 80
    last = [line for line in lines if line.strip()][-1]
    assert re.match(r"epoch 7: loss 1.899, 62.8%, held out 68.0% .* 70% \d+:\d\d:\d\d [\d,]+ "
                    r"images/s$", last.strip()), last


@pytest.mark.parametrize("begun", [True, False])
def test_an_interrupt_says_how_to_continue(begun, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["zoo", "train", "DARTS", "-o", "my run"])
    folder = tmp_path / "run"
    interrupts.begin()
    with pytest.raises(KeyboardInterrupt), progress.training(folder, 1) as report:
        assert report is not None
        if begun:
            folder.mkdir()
            (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt
    interrupts.say()
    again = "zoo train DARTS -o 'my run'"
    assert capsys.readouterr().err == "interrupted; go on with " + (
        f"`{again} --resume` (whole epochs are kept in {folder})\n" if begun else f"`{again}`\n")


def test_one_of_several_processes_reports(tmp_path):
    with progress.training(tmp_path, 1, shown=False) as report:
        assert report is None
