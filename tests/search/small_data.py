"""Forty of scikit-learn's digits as an image folder, and searches on them that take seconds."""

from __future__ import annotations

from collections.abc import Callable
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


def without_estimate(set_attribute: Callable[..., object] = setattr) -> None:
    """Replace the memory estimate, which takes as long as a search this small, by a constant.

    test_memory.py tests the estimate itself, test_cli.py that it is printed.
    """
    from search.reporting import memory

    set_attribute(memory, "peak_memory", lambda strategy: 1_000_000)
