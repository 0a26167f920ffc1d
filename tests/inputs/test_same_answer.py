"""For each kind of file or folder, all commands that read it accept it, or all refuse it with the
same sentence.  For weights see `tests/zoo/checkpoints/test_every_command.py`."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

import search.cli
import zoo
import zoo.cli
from tests.search.made_runs import darts_run
from tests.zoo.tiny_runs import TINY
from zoo.training.classification import train

_SMALL = "--channels 4 --layers 3"
_CPU = "--device cpu --threads 1"

#: The commands that read each kind of input, whose path replaces {}.
COMMANDS = {
    "genotype": ["show {}", "plot {} -o out.svg", "register {} --name MINE --replace",
                 "generate {} --weights words", f"train {{}} {_SMALL} {_CPU}",
                 f"build {{}} -e onnx {_SMALL}", "import whole/model.safetensors --cell {} -o out"],
    "picture": ["predict whole {}",  # which is in the folder "first"
                f"train DARTS --data folder --path first {_CPU} {_SMALL}",
                "eval whole --data folder --path first",
                "search run --data folder --path first --device cpu"],
    "images": [f"train DARTS --data folder --path {{}} {_CPU} {_SMALL}",
               f"train DARTS --data imagenet --size 8 --path {{}} {_CPU} {_SMALL}",
               "eval whole --data folder --path {}", "build of_folder -e onnx --path {}",
               "search run --data folder --path {} --device cpu"],
    "text": [f"train ENAS_RNN --data {{}} {_CPU} --batch-size 2 --hidden 4",
             f"train ENAS_RNN --data text --path {{}} {_CPU} --batch-size 2 --hidden 4",
             "eval words --data {}", "eval words --data text --path {}",
             "search run --space recurrent --data {} --device cpu",
             "search run --space recurrent --data text --path {} --device cpu"],
    "artifact": ["eval {}", "predict {} good.png", "verify {}", "build {} -e onnx", "generate {}",
                 f"train DARTS --weights {{}} {_SMALL} {_CPU}"],
    "search run": ["search show {}", "search resume {}", "search plot {} -o out.svg",
                   "search compare {} --json"],
    "settings": ["train DARTS --config {}", "search run --config {}"],
}


def _picture(shade: int, side: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("L", (side, side), shade).save(file, "PNG")
    return file.getvalue()


def _images(folder: Path, **splits: str) -> None:
    """Class folders named by letters, with three pictures each."""
    for split, classes in splits.items():
        for number, name in enumerate(classes):
            place = folder / split / name
            place.mkdir(parents=True)
            for copy in range(3):
                (place / f"{copy}.png").write_bytes(_picture(9 * number + copy + len(split)))


@pytest.fixture(scope="module")
def templates(few, tmp_path_factory) -> Path:
    """Artifacts of images and of text, a stopped training, a search, and a picture."""
    folder = tmp_path_factory.mktemp("templates")

    class Stop(Exception):
        pass

    def stop(step, steps, row):
        raise Stop

    train("DARTS", few, TINY.but(epochs=1), folder / "whole", seed=3, device="cpu")
    with pytest.raises(Stop):
        train("DARTS", few, TINY, folder / "stopped", seed=3, device="cpu", report=stop)
    darts_run(folder / "found", epochs=3)
    _images(folder / "first", train="ab", test="ab")
    (folder / "rhyme.txt").write_text("the cat sat on the mat\n" * 40)
    for words in (["ENAS_RNN", "--data", folder / "rhyme.txt", "--hidden", 4, "--batch-size", 4,
                   "-o", folder / "words"],
                  ["DARTS", "--data", "folder", "--path", folder / "first", *_SMALL.split(),
                   "-o", folder / "of_folder"]):
        result = CliRunner().invoke(zoo.cli.app, ["train", *map(str, words), "--epochs", "1",
                                                  "--device", "cpu"])
        assert result.exit_code == 0, result.output
    (folder / "good.png").write_bytes(_picture(5))
    return folder


@pytest.fixture
def answers(templates, no_work, tmp_path, monkeypatch):
    """Run every command of a kind on a path; returns how each ends, by command."""
    place = tmp_path / "here"
    shutil.copytree(templates, place)
    monkeypatch.chdir(place)

    def run(kind: str, path: str) -> dict[str, str]:
        endings = {}
        for line in COMMANDS[kind]:
            words = [word.format(path) for word in line.split()]
            app = search.cli.app if words[0] == "search" else zoo.cli.app
            result = CliRunner().invoke(app, words[1:] if words[0] == "search" else words)
            assert result.exception is None or isinstance(result.exception, SystemExit)
            errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
            assert result.exit_code == len(errors) <= 1, (line, result.output)
            endings[line] = errors[0] if errors else "done"
            shutil.rmtree("out", ignore_errors=True)
            Path("out.svg").unlink(missing_ok=True)
        return endings

    return run


#: The content of the path "x", and part of the sentence.
_GENOTYPES = {
    "cut off": (b"Genotype(normal=[('sep", "unfinished at line 1, column 19"),
    "empty": (b"", "the text has no genotype"),
    "bytes": (b"\xff\x00\x80", "is not UTF-8 text"),
    "not JSON": (b'{"normal": ', "not valid JSON"),
    "unknown operation": (str(zoo.genotype("DARTS")).replace("skip_connect", "skip").encode(),
                          "unknown operation 'skip'"),
    "of NAS-Bench-201": (b"|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|"
                         b"nor_conv_3x3~1|", "reads from node 0, node 1; a NAS-Bench-201 node"),
    "a picture": (_picture(1), "is not UTF-8 text"),
    "not there": (None, "No such file or directory"),
}


@pytest.mark.parametrize("case", _GENOTYPES)
def test_genotypes(case, answers):
    content, part = _GENOTYPES[case]
    if content is not None:
        Path("x.txt").write_bytes(content)
    sentence, = set(answers("genotype", "x.txt").values())
    assert sentence.startswith("error: x.txt") and part in sentence


def test_genotypes_that_all_read(answers):
    for text in (str(zoo.genotype("DARTS_V2")), f"\ufeff03:51 PM genotype = "
                                                f"{zoo.genotype('DARTS_V2')}"):
        Path("x.txt").write_text(text, encoding="utf-8")
        said = answers("genotype", "x.txt")
        assert "weights of another cell, ENAS_RNN" in said.pop(COMMANDS["genotype"][3])
        assert "does not fit the network" in said.pop(COMMANDS["genotype"][6])
        assert set(said.values()) == {"done", "error: reached the work"}


def test_folders_in_the_place_of_genotypes(answers):
    takes = [line for line in COMMANDS["genotype"] if not line.startswith("build")]
    for path, remedy in (("whole", " in it, whole/genotype.json"),
                         ("first", ", or a cell of `zoo list`")):
        for spelled in (path, f"./{path}"):
            said = answers("genotype", spelled)
            assert {said[line] for line in takes} == {
                f"error: {path} is a folder; give the genotype file{remedy}"}


@pytest.mark.parametrize("content, part", [
    (b"no picture", "is not a readable image"), (b"", "is empty (0 bytes)"),
    (b"<html>gone</html>", "is a web page (HTML)"),
    (_picture(1)[:50], "is not a readable image"),
])
def test_pictures(content, part, answers):
    Path("first/train/a/0.png").write_bytes(content)
    sentence, = set(answers("picture", "first/train/a/0.png").values())
    assert sentence.startswith("error: first/train/a/0.png") and part in sentence


_FOLDERS = {
    "no classes": (lambda path: path.mkdir(), "has no folder train/"),
    "one class": (lambda path: _images(path, train="a", test="a"), "x/train has 1 class folder"),
    "no test": (lambda path: _images(path, train="ab"), "has no folder test/"),
    "a class of the test alone": (lambda path: _images(path, train="ab", test="abc"),
                                  "x/test has the class c"),
    "nested": (lambda path: _images(path / "train", a="x", b="y"), "has no folder test/"),
    "a file": (lambda path: path.write_bytes(b""), "x is not a folder"),
    "not there": (lambda path: None, "x is not a folder"),
}


@pytest.mark.parametrize("case", _FOLDERS)
def test_image_folders(case, answers):
    make, part = _FOLDERS[case]
    make(Path("x"))
    sentence, = set(answers("images", "x").values())
    assert part in sentence


def test_image_folders_that_all_read(answers):
    said = answers("images", "first")
    assert "knows 10 classes, folder has 2" in said.pop(COMMANDS["images"][2])
    assert set(said.values()) == {"error: reached the work"}


@pytest.mark.parametrize("content, part", [
    (b"\xff\xe1\x80abc", "is not UTF-8 text"), (b" \n", "is empty"), (b"abc", "is too small"),
    (b"aaaa" * 50, "repeats a single char"), ("ab".encode("utf-16-le") * 90, "NUL"),
])
def test_texts(content, part, answers):
    Path("x.txt").write_bytes(content)
    sentence, = set(answers("text", "x.txt").values())
    assert sentence.startswith("error: x.txt") and part in sentence


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16"])
def test_texts_that_all_read(code, answers):
    Path("x.txt").write_bytes(("the cat sat\rthe mat sat\r\n" * 90).encode(code))
    said = answers("text", "x.txt")
    for line in COMMANDS["text"]:
        assert said[line].endswith("reached the work") or (
            "differs from that of words" in said[line]
            or said[line] == "done"), said


def _without(name: str):
    (Path("whole") / name).unlink()


_ARTIFACTS = {
    "a training that is stopped": ("stopped", lambda: None, "an unfinished training"),
    "a search": ("found", lambda: None, "or a search (train the cell it found"),
    "nothing in it": ("x", lambda: Path("x").mkdir(), "it has no manifest.json"),
    "weights gone": ("whole", lambda: _without("model.safetensors"), "cannot be read"),
    "weights changed": ("whole", lambda: Path("whole/model.safetensors").write_bytes(b"x"),
                        "has changed (its sha256 differs"),
    "genotype changed": ("whole", lambda: Path("whole/genotype.json").write_bytes(b"\xff"),
                         "has changed (its sha256 differs"),
    "manifest cut off": ("whole", lambda: Path("whole/manifest.json").write_text("{"),
                         "manifest.json: the file: it is not JSON"),
    "manifest not text": ("whole", lambda: Path("whole/manifest.json").write_bytes(b"\xff"),
                          "manifest.json: not a text file"),
}


@pytest.mark.parametrize("case", _ARTIFACTS)
def test_artifacts(case, answers):
    path, damage, part = _ARTIFACTS[case]
    damage()
    sentence, = set(answers("artifact", path).values())
    assert sentence.startswith(f"error: {path}") and part in sentence


@pytest.mark.parametrize("path, damage, part", [
    ("whole", None, "whole holds no search run"), ("stopped", None, "stopped holds no search run"),
    ("good.png", None, "good.png holds no search run"), ("x", None, "x holds no search run"),
    ("found", ("config.json", "{"), "config.json is damaged (not JSON)"),
    ("found", ("history.jsonl", "{}\n"), "history.jsonl is damaged (line 1 is not the row"),
    ("found", ("result.json", "{}"), "result.json is damaged (has no name)"),
])
def test_search_runs(path, damage, part, answers):
    if damage:
        (Path(path) / damage[0]).write_text(damage[1])
    sentence, = set(answers("search run", path).values())
    assert part in sentence


@pytest.mark.parametrize("content, part", [
    (b"\xff\x80", "is not UTF-8 text"), (b"a: [", "is not valid YAML in line 1"),
    (b"- a\n", "holds no settings"), (b"seed: x\n", "x.yaml: seed is 'x'; it must be a whole"),
    (b"seed: -1\n", "the seed must be a whole number from 0"), (None, "there is no file x.yaml"),
    (b"data: nothing\n", "unknown data set 'nothing'"), (b"device: gpu\n", "no device 'gpu' here"),
    (b"threads: 0\n", "--threads must be"), (b"", "reached the work"),
])
def test_settings(content, part, answers):
    if content is not None:
        Path("x.yaml").write_bytes(content)
    sentence, = set(answers("settings", "x.yaml").values())
    assert part in sentence
