"""`zoo predict`: an image network classifies picture files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.messages.command_line import command
from zoo.messages.notes import listed, note, printable
from zoo.system import json_text

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from zoo.artifact.manifest import Manifest


def predict(
    directory: Annotated[Path, typer.Argument(help="An artifact folder.", show_default=False)],
    pictures: Annotated[list[Path], typer.Argument(help="Image files.", show_default=False)],
    top: Annotated[int, typer.Option(help="Number of classes to show per image.")] = 3,
    as_json: Annotated[bool, typer.Option(
        "--json", help="Print all probabilities, one JSON object per line.")] = False,
) -> None:
    """Classify images: the center square, scaled to the input size of the network.

    A file that cannot be read is reported and skipped; the exit code is then 1.

    \b
    Example:
      zoo predict exports/DARTS-cifar10 cat.jpg ship.png
    """
    from zoo.data.base import DataError
    from zoo.data.pictures import read_picture
    from zoo.weights import load_artifact

    if top < 1:
        raise ValueError(f"--top must be at least 1, not {top}")
    model, manifest = load_artifact(directory)
    if manifest.task != "image-classification":
        raise ValueError(f"{directory} holds a language model, which takes no pictures; "
                         f"see it write with `{command('zoo', 'demo', directory)}`")
    pictures = _without_notes_of_macos(pictures)
    read: list[tuple[Path, np.ndarray]] = []
    for picture in pictures:
        try:
            read.append((picture, read_picture(picture, manifest.input)))
        except (DataError, FileNotFoundError) as error:
            typer.echo(f"error: {printable(str(error))}", err=True)
    if read:
        _answer(directory, model, manifest, read, top, as_json)
    if len(read) < len(pictures):
        raise typer.Exit(1)


def _answer(directory: Path, model: nn.Module, manifest: Manifest,
            read: list[tuple[Path, np.ndarray]], top: int, as_json: bool) -> None:
    """Print what the network says of pictures, by name and as raw pixels (H, W, C)."""
    import numpy as np
    import torch

    from zoo.commands.table import print_table
    from zoo.training.evaluation import predict as run
    from zoo.weights.numbers import check_output

    pictures = [picture for picture, _ in read]
    images = np.stack([pixels for _, pixels in read])
    logits = run(model, images, manifest.input.mean, manifest.input.std)
    check_output(logits, f"{directory}: the network")
    shares = torch.as_tensor(logits).double().softmax(dim=1).tolist()
    labels = manifest.labels or [f"class {number}" for number in range(len(shares[0]))]
    if as_json:
        for picture, share in zip(pictures, shares):
            typer.echo(json_text.dumps({"picture": str(picture),
                                        "probabilities": dict(zip(labels, share))}))
        return
    if not manifest.trained:
        typer.echo("note: this network is untrained; its answers mean nothing", err=True)
    rows = []
    for picture, share in zip(pictures, shares):
        best = sorted(range(len(share)), key=lambda number: -share[number])[:top]
        rows.append((str(picture), ", ".join(f"{labels[n]} {share[n]:.1%}" for n in best)))
    print_table(("picture", "most probable"), rows)


def _without_notes_of_macos(pictures: list[Path]) -> list[Path]:
    """The files but ``._a.png``, which lies beside ``a.png`` where macOS has copied it; a note says
    which.  Raises ValueError where there is no other."""
    beside = [picture for picture in pictures if picture.name.startswith("._")]
    if len(beside) == len(pictures):
        raise ValueError(f"{beside[0]} holds what macOS notes of the file "
                         f"{beside[0].name.removeprefix('._')}, and no picture; name that one")
    if beside:
        note(f"{len(beside)} left out, as macOS's notes of other files: "
             f"{listed(list(map(str, beside)))}")
    return [picture for picture in pictures if picture not in beside]
