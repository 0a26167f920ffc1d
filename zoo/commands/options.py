"""Options that several commands have, and what they make of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.data.images import NAMES

if TYPE_CHECKING:
    from zoo.data.text import TextData

DATA_HELP = "; ".join(f"{name}: {text}" for name, text in NAMES.items())
Files = Annotated[Path | None, typer.Option("--path", help="Folder of the data set.")]
Size = Annotated[int | None, typer.Option(
    "--size", help="Image size in pixels, for --data folder and imagenet.")]
By = Annotated[str | None, typer.Option(
    "--by", help="Tokens of a text: word or char.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]


def refuse(owner: str, **given: object) -> None:
    """Raise ValueError for the first of the settings that was given."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"--{name.replace('_', '-')} is a setting of {owner}; leave it out")


def same_text(given: str | None, known: str, folder: Path, path: Path | None, by: str | None
              ) -> TextData:
    """The text of an earlier training: as `given`, else by the name under which it is known."""
    from zoo.data.text import TEXT_NAMES, named_text

    if given is None and known not in TEXT_NAMES:
        raise ValueError(f"{folder} learned from a file that it calls {known}; name that file "
                         "again with --data")
    return named_text(given or known, path, by)


def measured(facts: dict) -> str:
    """What a trained network has reached, in words."""
    if "test_accuracy" in facts:
        return f"{facts['test_accuracy']:.2%} of {facts['images']} test images"
    bits = facts.get("test_bits_per_character")
    per = f" ({bits:.3f} bits per character)" if bits else ""
    return (f"perplexity {facts['test_perplexity']:.2f}{per} on the test text, "
            f"{facts['valid_perplexity']:.2f} on the validation text")
