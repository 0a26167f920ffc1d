"""Inputs from bug reports of other tools, each with its repository and thread."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import zoo
from tests.zoo.checkpoints.kinds import prefixed, saved
from zoo.cli import app
from zoo.data.base import DataError
from zoo.data.images import load
from zoo.data.pictures import PictureError, decode
from zoo.data.text import load_text
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.reader import read

# --- genotypes ------------------------------------------------------------------------------------


GDAS_FRC = """{'normal': [
    (('skip_connect', 1, 0.1485183) , ('OPERATION', 0, 0.13894983)),
    (('skip_connect', 1, 0.15187271), ('avg_pool_3x3', 1, 0.14358662))],
'normal_concat': [2, 3]REDUCE}
"""


def test_a_search_with_a_fixed_reduction_cell_logs_the_normal_one_alone():
    """D-X-Y/AutoDL-Projects #87."""
    with pytest.raises(GenotypeError, match="missing: reduce, reduce_concat; a search that fixes "
                                            "the reduce cell, as GDAS"):
        read(GDAS_FRC.replace("OPERATION", "sep_conv_5x5").replace("REDUCE", ""))
    with pytest.raises(GenotypeError, match=r"unknown operation 'dua_sepc_5x5'.*at line 2, col"):
        read(GDAS_FRC.replace("OPERATION", "dua_sepc_5x5").replace(
            "REDUCE", ", 'reduce': [(('skip_connect', 0), ('skip_connect', 1))], "
                      "'reduce_concat': [2]"))


BANANAS = """BANANAS = Genotype(
  normal = [
    ('skip_connect', 0),
    ('sep_conv_3x3', 1),
  ],
  normal_concat = [2],
  reduce = [
    ('max_pool_3x3', 0),
    ('none', 1),
  ],
  reduce_concat = [2]
)
"""


def test_none_as_an_operation_is_built():
    """naszilla/naszilla #4 and NeroLoh/darts-tensorflow #2: a KeyError or missing weights."""
    reading = read(BANANAS)
    assert (reading.name, reading.genotype.reduce.edges) == (
        "BANANAS", (("max_pool_3x3", 0), ("none", 1)))
    network = zoo.create_model(reading.genotype, channels=4, layers=3).eval()
    assert network(torch.zeros(1, 3, 32, 32)).isfinite().all()


def test_a_log_that_prints_its_genotype_twice():
    """MAC-AutoML/rethinking_performance_estimation_in_NAS #11: pairs in one list per node."""
    text = ("Genotype(normal=[[('dil_conv_5x5', 1), ('sep_conv_5x5', 0)], [('max_pool_3x3', 2), "
            "('sep_conv_5x5', 1)]], normal_concat=range(2, 4), reduce=[[('dil_conv_3x3', 1), "
            "('avg_pool_3x3', 0)], [('max_pool_3x3', 1), ('skip_connect', 2)]], "
            "reduce_concat=range(2, 4))")
    log = (f"Using multi genotypes from file\n{text}\n\n08/31 03:18:25 PM | DROP_PATH_PROB=0.2\n"
           f"08/31 03:18:25 PM | GENOTYPE={text}\n")
    reading = read(log)
    assert reading.genotype == read(text).genotype and reading.name == ""
    assert reading.notes[0].startswith("read the last of 2 genotypes, from line 5")


COMPACT = ("(((0, 6), (1, 4), (0, 0), (1, 5), (1, 4), (3, 2), (0, 6), (3, 2)),\n"
           " ((0, 1), (1, 4), (0, 1), (1, 4), (2, 6), (3, 4), (1, 5), (2, 1)))")


def test_numbers_of_nas_bench_301_are_found_in_a_text():
    """automl/NASLib #115: the meaning of the data's keys was unknown."""
    reading = read(f">>> print(list(data.keys())[0])\n{COMPACT}\n")
    assert reading.genotype == read(COMPACT).genotype
    assert reading.genotype.normal.nodes[0] == (("dil_conv_5x5", 0), ("sep_conv_5x5", 1))
    assert "operations numbered from max_pool_3x3 = 0" in reading.notes[1]
    several = read(f"{COMPACT}\n{COMPACT.replace('(0, 6)', '(0, 3)')}", 1)
    assert several.genotype == reading.genotype
    with pytest.raises(GenotypeError, match="unfinished at line 2"):
        read(f"best: {COMPACT[:-9]}")


# --- checkpoints ----------------------------------------------------------------------------------


def test_settings_of_lightning_where_it_is_not_installed(tmp_path, monkeypatch):
    """Lightning-AI/pytorch-lightning #2653: reading the weights required its classes."""
    name = "pytorch_lightning.utilities.parsing"
    kind = type("AttributeDict", (dict,), {"__module__": name})
    for package in ("pytorch_lightning", "pytorch_lightning.utilities", name):
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    monkeypatch.setattr(sys.modules[name], "AttributeDict", kind, raising=False)
    content = saved({"state_dict": prefixed("model."), "hyper_parameters": kind(lr=0.1)})
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    Path("last.ckpt").write_bytes(content)
    result = CliRunner().invoke(app, ["import", "last.ckpt", "--cell", "DARTS_V2", "-o", "out"])
    assert result.exit_code == 0, result.output


# --- pictures, folders and texts ------------------------------------------------------------------


def folder(path, *classes):
    for split in ("train", "test"):
        for number, name in enumerate(classes):
            (path / split / name).mkdir(parents=True)
            Image.new("L", (8, 8), 90 * number + len(split)).save(path / split / name / "0.png")
    return path


def test_a_jupyter_folder_is_not_a_class(tmp_path, caplog):
    """open-mmlab/mmpretrain #507: it counted as the first class, and shifted every label by one."""
    folder(tmp_path, "a", "b", ".ipynb_checkpoints")
    data = load("folder", tmp_path)
    assert data.labels == ["a", "b"] and data.train.labels.tolist() == [0, 1]
    assert "train/.ipynb_checkpoints/" in caplog.text


def test_an_empty_class_folder_is_named(tmp_path):
    """pytorch/vision #4925."""
    (folder(tmp_path, "a", "b") / "train/c").mkdir()
    with pytest.raises(DataError, match="train/c holds no images.*add some, or remove the folder"):
        load("folder", tmp_path)


PHONE = b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(64)


@pytest.mark.parametrize("content, part", [
    (PHONE, "is a HEIC picture, which the installed.*save it as JPEG or PNG"),
    (b"<!DOCTYPE html>\n<title>403</title>", r"is a web page \(HTML\) \('403'\)"),
    (b"version https://git-lfs.github.com/spec/v1\nsize 9\n", "is a git-lfs pointer"),
    (b"", r"is empty \(0 bytes\)"), (bytes(99), "holds nothing but zeros"),
    (b'<?xml version="1.0"?>\n<svg></svg>', "is an SVG drawing"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", r"is not a readable image \(damaged"),
])
def test_a_file_that_is_not_the_picture_it_claims(content, part, tmp_path):
    """replicate/dreambooth #23 and #43, rom1504/clip-retrieval #298: cannot identify image file."""
    file = folder(tmp_path, "a", "b") / "train/a/53.jpg"
    file.write_bytes(content)
    with pytest.raises(PictureError, match=f"53.jpg {part}"):
        decode(file)
    with pytest.raises(PictureError, match=f"53.jpg {part}"):
        load("folder", tmp_path)


def test_a_text_of_windows_says_how_it_is_converted(tmp_path):
    """ml5js/training-charRNN #5: byte 0x92 is a quotation mark there."""
    file = tmp_path / "input.txt"
    file.write_bytes("It\u2019s a text.\n".encode("cp1252") * 50)
    with pytest.raises(DataError, match=r"\(byte 2 is 0x92\); .*iconv -f WINDOWS-1252 -t UTF-8"):
        load_text("text", file)
    file.write_bytes(file.read_bytes().decode("cp1252").encode())
    assert "\u2019" in load_text("text", file).vocabulary
