"""Forty of scikit-learn's digits as an image folder, and searches on them that take seconds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from zoo.data.images import load

TINY = ["--channels", "4", "--layers", "3", "--epochs", "3", "--batch-size", "8"]
TEXT = ["--space", "recurrent", "--data", "text", "--hidden", "8", "--batch-size", "8",
        "--epochs", "3"]
SAMPLED = [*TINY[:4], "--epochs", "1", "--batch-size", "16", "--workers", "1"]


def digits_folder(folder: Path, count: int = 40, classes: int = 4, side: int = 8) -> Path:
    """`count` images of each split, in folders as --data folder reads them."""
    from PIL import Image

    data = load("digits")
    for name, split in (("train", data.train), ("test", data.test)):
        chosen = [number for number, label in enumerate(split.labels) if label < classes][:count]
        for number in chosen:
            place = folder / name / str(split.labels[number])
            place.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(split.images[number, :, :, 0].astype("uint8"))
            image.resize((side, side)).save(place / f"{number:04d}.png")
    return folder


def short_text(file: Path, characters: int = 1600) -> Path:
    """The beginning of the embedded sample."""
    import zoo

    sample = Path(zoo.__file__).parent / "data" / "shakespeare.txt"
    file.write_text(sample.read_text(encoding="utf-8")[:characters], encoding="utf-8")
    return file


def search_apart(arguments: list[str], data: Path, output: Path) -> None:
    """What a process of its own does: the command, its streams in the files `output`.out/.err."""
    os.environ["GENOTYPE_ZOO_DATA"] = str(data)
    for stream, ending in ((1, "out"), (2, "err")):
        file = os.open(f"{output}.{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, stream)
    from search.cli import app

    sys.argv = ["search", *arguments]
    app(arguments, prog_name="search")
