"""Options shared by several commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.data.images import NAMES

if TYPE_CHECKING:
    from zoo.data.text import TextData

DATA_HELP = "; ".join(f"{name}: {text}" for name, text in NAMES.items())
ARTIFACT_HELP = "An artifact folder, or hf://USER/NAME on the Hugging Face Hub."
Files = Annotated[Path | None, typer.Option("--path", help="Folder of the data set.")]
Size = Annotated[int | None, typer.Option(
    "--size", help="Image size in pixels, for --data folder and imagenet.")]
By = Annotated[str | None, typer.Option(
    "--by", help="Tokens of a text: word or char.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]


def refuse(owner: str, **given: object) -> None:
    """Raise ValueError for the first setting that is not None; they are settings of `owner`."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"--{name.replace('_', '-')} is a setting of {owner}; omit it")


def same_text(given: str | None, known: str, folder: object, path: Path | None, by: str | None
              ) -> TextData:
    """Load the text of an earlier training: the `given` one, else by its stored name `known`."""
    from zoo.data.text import TEXT_NAMES, named_text

    if given is None and known not in TEXT_NAMES:
        raise ValueError(f"{folder} was trained on a file named {known}, whose path it does not "
                         "store; give the file with --data")
    return named_text(given or known, path, by)


def measured(facts: dict) -> str:
    """The test metrics of a trained network, in words."""
    if "test_accuracy" in facts:
        return f"{facts['test_accuracy']:.2%} of {facts['images']} test images"
    bits = facts.get("test_bits_per_character")
    per = f" ({bits:.3f} bits per character)" if bits else ""
    return (f"perplexity {facts['test_perplexity']:.2f}{per} on the test text, "
            f"{facts['valid_perplexity']:.2f} on the validation text")
