"""Names of files and folders may be undecodable or have control characters: all commands work."""

import json
import os
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from zoo.artifact.folder import json_bytes
from zoo.cli import app
from zoo.data.base import DataError
from zoo.data.images import load
from zoo.messages.notes import printable

pytestmark = pytest.mark.skipif(sys.platform in ("win32", "darwin"),
                                reason="names of files are text there")
LATIN = os.fsdecode(b"caf\xe9")  # as in an archive of the nineties


def pictures(folder, *classes, name="0.png"):
    for split in ("train", "test"):
        for number, label in enumerate(classes):
            (folder / split / label).mkdir(parents=True)
            Image.new("L", (8, 8), 9 * number + len(split)).save(folder / split / label / name)
    return folder


def test_control_characters_and_bytes_are_printed_as_escapes():
    assert printable(f"a\nb\x1b[31m {LATIN} é") == "a\\nb\\x1b[31m caf\\udce9 é"


def test_pictures_are_classified_by_any_name(whole_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (f"{LATIN}.png", "two\nlines.png"):
        Image.new("L", (8, 8), 9).save(name)
        result = CliRunner().invoke(app, ["predict", str(whole_run[0]), name, f"{name}.gone"])
        assert result.exit_code == 1 and len(result.stdout.splitlines()) == 2
        assert result.stderr == f"error: there is no picture {printable(name)}.gone\n"


def test_a_training_reads_images_of_any_name(tmp_path):
    folder = pictures(tmp_path / LATIN, "a", "b", name=f"{LATIN}.png")
    for name in ("folder", "imagenet"):
        assert len(load(name, folder, 8).train.labels) == 2
    settings = json_bytes({"path": str(folder)})  # of the run
    assert json.loads(settings) == {"path": str(folder)}


@pytest.mark.parametrize("label", [LATIN, "two\nlines", "bell\a"])
def test_a_label_must_be_text(label, tmp_path):
    """Otherwise a training would fail at its end, writing its labels."""
    with pytest.raises(DataError, match="a class folder with an unprintable name.*rename it"):
        load("folder", pictures(tmp_path, "a", label), 8)
