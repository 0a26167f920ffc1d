"""A damaged input is read, or refused quickly in one line of ours, and leaves nothing behind.

For weights see `tests/zoo/checkpoints/test_fuzz.py`."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

import search.cli
import zoo.cli
from tests.inputs.mutations import damage_folder, damaged_bytes, damaged_text, damaged_value
from tests.search.made_runs import darts_run
from tests.zoo.genotypes.test_reader import AS_WRITTEN, LOG, MODULE, OTHER_TOOLS
from tests.zoo.tiny_runs import TINY
from zoo.artifact.folder import finalize, read_manifest
from zoo.training.classification import train

#: Texts of Python and of libraries, which users should not see.
_RAW = re.compile(r"NoneType|unpack|has no attribute|not subscriptable|invalid literal|could not "
                  r"convert|object is not|unhashable|codec can|Traceback|real number|not iterable|"
                  r"indices must|unexpected keyword|ambiguous|not supported between|"
                  r"embedded null|surrogates not|^error: \w+$")
_SECONDS = 20
_SMALL = ["--channels", "4", "--layers", "3", "--device", "cpu", "--threads", "1"]
Words = list[str]



# --- kinds of input: each writes a damaged one and returns the commands that read it --------------


def genotypes(draw: random.Random) -> list[Words]:
    texts = [*AS_WRITTEN.values(), LOG, MODULE, *(repr(made) for made, _ in OTHER_TOOLS.values())]
    content = damaged_text(draw.choice(texts), draw)
    Path("cell.txt").write_bytes(damaged_bytes(content, draw) if draw.random() < 0.2 else content)
    select = ["--select", draw.choice(("1", "2", "First"))] if draw.random() < 0.2 else []
    return [["show", "cell.txt", *select],
            draw.choice((["build", "cell.txt", "-e", "onnx", *_SMALL[:4], *select],
                         ["train", "cell.txt", *_SMALL, *select],
                         ["register", "cell.txt", "--name", "DARTS", *select]))]


_TRAINING = {"cell": "DARTS", "data": "digits", "seed": 1, "preset": "small", "device": "cpu",
             "precision": "float32", "threads": 1, "epochs": 2, "channels": 4, "layers": 3,
             "recipe": {"channels": 4, "layers": 3, "batch_size": 16, "learning_rate": 0.1,
                        "sizes": [8, 8], "validation": 10, "flip": False, "mixup": 0.1}}
_SEARCH = {"strategy": "darts", "space": "conv", "data": "digits", "seed": 1, "device": "cpu",
           "settings": {"epochs": 2, "order": 1, "channels": 4, "layers": 3, "batch_size": 32},
           "threads": 1, "learning_rate": 0.1}


def settings(draw: random.Random) -> list[Words]:
    program, values = draw.choice((("train", _TRAINING), ("search", _SEARCH)))
    if draw.random() < 0.7:
        changed = damaged_value(values, draw)
        text = json.dumps(changed) if draw.random() < 0.5 else yaml.dump(changed)
        content = text.encode(errors="replace")
    else:
        content = damaged_text(yaml.safe_dump(values), draw)
    Path("a.yaml").write_bytes(content)
    return [["search", "run", "--config", "a.yaml"] if program == "search" else
            ["train", "--config", "a.yaml"]]


@cache
def _pictures() -> list[bytes]:
    colors = np.random.default_rng(0).integers(0, 256, (9, 9, 4), np.uint8)
    found = []
    for name, mode in (("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("JPEG", "RGB"),
                       ("JPEG", "CMYK"), ("GIF", "P"), ("TIFF", "RGB"), ("TIFF", "I"), ("BMP", "1"),
                       ("WEBP", "RGBA"), ("PPM", "L"), ("ICO", "RGBA"), ("TGA", "RGB"),
                       ("JPEG2000", "RGB"), ("PCX", "L"), ("DDS", "RGB")):
        image, file = Image.fromarray(colors), io.BytesIO()
        image = image.convert("L").convert(mode) if mode[0] == "I" else image.convert(mode)
        image.save(file, name)
        found.append(file.getvalue())
    return found


def pictures(draw: random.Random) -> list[Words]:
    content = draw.choice(_pictures())
    Path("a.png").write_bytes(damaged_bytes(content, draw))
    return [["predict", "whole", "a.png"]]


def folders(draw: random.Random) -> list[Words]:
    root, tiny = Path("images"), draw.random() < 0.3
    for split in draw.choice((("train", "test"), ("train", "val", "test"), ("",))):
        for number, name in enumerate(("cat", "dog")):
            place = root / split / name / ("images" if tiny else "")
            place.mkdir(parents=True)
            for copy in range(3):
                (place / f"{copy}.png").write_bytes(_picture(number * 9 + copy))
    if tiny and draw.random() < 0.5 and (root / "val").exists():
        shutil.rmtree(root / "val")
        (root / "val/images").mkdir(parents=True)
        (root / "val/images/v.png").write_bytes(_picture(3))
        (root / "val/val_annotations.txt").write_bytes(damaged_text("v.png\tcat\t0\t0\n", draw))
    damage_folder(root, draw)
    size = ["--size", "8"] if draw.random() < 0.7 else []
    return [["train", "DARTS", "--data", draw.choice(("folder", "folder", "imagenet")), "--path",
             "images", *size, *_SMALL],
            ["eval", "whole", "--data", "folder", "--path", "images", *size]][:draw.choice((1, 2))]


@cache
def _picture(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8), number).save(file, "PNG")
    return file.getvalue()


def texts(draw: random.Random) -> list[Words]:
    text = draw.choice(("the cat sat on the mat\nthe rat sat on the hat\r\n\n" * 40, "ab " * 600,
                        "ένα δύο τρία\n" * 90))
    content = damaged_text(text, draw)
    Path("a.txt").write_bytes(damaged_bytes(content, draw) if draw.random() < 0.3 else content)
    sizes = ["--hidden", "6", "--batch-size", draw.choice(("2", "16")), "--device", "cpu"]
    return [["train", "DARTS_V2_RNN", "--data", "a.txt", "--by", draw.choice(("word", "char")),
             *sizes]]


def manifests(draw: random.Random) -> list[Words]:
    """Damage a file of an artifact, often with its checksum updated."""
    folder = Path("whole")
    name = draw.choice(("manifest.json", "manifest.json", "genotype.json", "labels.txt",
                        "model.safetensors", "config.json"))
    file = folder / name
    content = file.read_bytes()
    if file.suffix == ".json" and draw.random() < 0.7:
        changed = json.dumps(damaged_value(json.loads(content), draw)).encode()
    else:
        changed = damaged_bytes(content, draw)
    file.write_bytes(changed)
    if name != "manifest.json" and draw.random() < 0.7:
        finalize(folder, read_manifest(folder))
    return [["predict", "whole", "good.png"],
            draw.choice((["eval", "whole"], ["verify", "whole"], ["build", "whole", "-e", "onnx"],
                         ["train", "DARTS", "--weights", "whole", *_SMALL],
                         ["demo", "whole", "--build", "site"], ["generate", "whole"]))]


def runs(draw: random.Random) -> list[Words]:
    """Damage a file of a training that stopped after its second epoch."""
    name = draw.choice(("config.json", "config.json", "history.jsonl", "checkpoint.pt"))
    file = Path("stopped") / name
    content = file.read_bytes()
    file.write_bytes(json.dumps(damaged_value(json.loads(content), draw)).encode()
                     if name == "config.json" and draw.random() < 0.6
                     else damaged_bytes(content, draw))
    return [["train", "DARTS", "--resume", "-o", "stopped", "--device", "cpu"]]


def searches(draw: random.Random) -> list[Words]:
    """Damage a file of a finished, made-up search."""
    darts_run(Path("found"), epochs=3)
    file = draw.choice(sorted(path for path in Path("found").rglob("*") if path.is_file()))
    content = file.read_bytes()
    if file.suffix == ".json" and draw.random() < 0.6:
        changed = json.dumps(damaged_value(json.loads(content), draw)).encode()
    elif file.suffix == ".jsonl" and draw.random() < 0.6:
        rows = [json.loads(line) for line in content.splitlines()]
        changed = "\n".join(map(json.dumps, [*rows[:-1], damaged_value(rows[-1], draw)])).encode()
    else:
        changed = damaged_bytes(content, draw)
    file.write_bytes(changed)
    return [["search", "show", "found"],
            draw.choice((["search", "list", "."], ["search", "resume", "found"],
                         ["search", "compare", "found", "--json"]))]


KINDS: dict[str, Callable[[random.Random], list[Words]]] = {
    made.__name__: made for made in (genotypes, settings, pictures, folders, texts, manifests, runs,
                                     searches)}


# --- the tests ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def templates(few, tmp_path_factory) -> Path:
    """A finished artifact, a training stopped after two of three epochs, and a picture."""
    folder = tmp_path_factory.mktemp("templates")

    class Stop(Exception):
        pass

    def stop(step, steps, row):
        if row is not None and row["epoch"] == 2:
            raise Stop

    train("DARTS", few, TINY.but(epochs=1), folder / "whole", seed=3, device="cpu")
    with pytest.raises(Stop):
        train("DARTS", few, TINY, folder / "stopped", seed=3, device="cpu", report=stop)
    (folder / "good.png").write_bytes(_picture(5))
    return folder


@pytest.fixture
def check(templates, no_work, tmp_path, monkeypatch) -> Iterator[Callable[[str, int], None]]:
    def run(kind: str, number: int) -> None:
        place = tmp_path / f"{kind} {number}"
        shutil.copytree(templates, place)
        monkeypatch.chdir(place)
        for words in KINDS[kind](random.Random(number)):
            before = _names(tmp_path)
            app = search.cli.app if words[0] == "search" else zoo.cli.app
            began = time.monotonic()
            result = CliRunner().invoke(app, words[1:] if words[0] == "search" else words)
            took = time.monotonic() - began
            case = f"{kind} {number}: {' '.join(words)}: {result.output!r}"
            if not (result.exception is None or isinstance(result.exception, SystemExit)):
                raise AssertionError(case) from result.exception
            assert took < _SECONDS, f"{took:.0f} s: {case}"
            errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
            assert not any(map(_RAW.search, errors)), case
            if result.exit_code:
                assert result.exit_code == 1 and len(errors) == 1, case
                assert result.stderr.splitlines()[-1] == errors[0], case
                assert _names(tmp_path) == before, (case, _names(tmp_path) ^ before)
        monkeypatch.chdir(tmp_path)
        shutil.rmtree(place)

    yield run


def _names(folder: Path) -> set[str]:
    """The files of a folder, except locks, which stay."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != "lock"}


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_inputs(kind, check):
    for number in range(100):
        check(kind, number)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_inputs(kind, part, check):
    for number in range(1000 + 100 * part, 1100 + 100 * part):
        check(kind, number)
