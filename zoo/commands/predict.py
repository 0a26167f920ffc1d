"""`zoo predict`: classify picture files with an image network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.commands.options import ARTIFACT_HELP
from zoo.messages.command_line import command
from zoo.messages.notes import listed, note, printable
from zoo.system import json_text

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from zoo.artifact.folder import Where
    from zoo.artifact.manifest import Manifest


def predict(
    target: Annotated[str, typer.Argument(
        metavar="artifact", help=ARTIFACT_HELP, show_default=False)],
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
      zoo predict hf://USER/NAME cat.jpg
    """
    from zoo.data.base import DataError
    from zoo.data.pictures import read_picture
    from zoo.hub.artifact import place
    from zoo.weights import load_artifact

    if top < 1:
        raise ValueError(f"--top must be at least 1, not {top}")
    directory = place(target)
    model, manifest = load_artifact(directory)
    if manifest.task != "image-classification":
        raise ValueError(f"{directory} holds a language model, which does not read pictures; "
                         f"try it with `{command('zoo', 'demo', directory)}`")
    pictures = _without_macos_metadata(pictures)
    read: list[tuple[Path, np.ndarray]] = []
    for picture in pictures:
        try:
            read.append((picture, read_picture(picture, manifest.input)))
        except (DataError, FileNotFoundError) as error:
            typer.echo(f"error: {printable(str(error))}", err=True)
    if read:
        _classify(directory, model, manifest, read, top, as_json)
    if len(read) < len(pictures):
        raise typer.Exit(1)


def _classify(directory: Where, model: nn.Module, manifest: Manifest,
              read: list[tuple[Path, np.ndarray]], top: int, as_json: bool) -> None:
    """Print the predictions for pictures, given by name and raw pixels (H, W, C)."""
    import numpy as np
    import torch

    from zoo.commands.table import print_table
    from zoo.training.evaluation import predict as run
    from zoo.weights.numbers import check_output

    pictures = [picture for picture, _ in read]
    images = np.stack([pixels for _, pixels in read])
    logits = run(model, images, manifest.input.mean, manifest.input.std)
    check_output(logits, f"{directory}: the network")
    probabilities = torch.as_tensor(logits).double().softmax(dim=1).tolist()
    labels = manifest.labels or [f"class {number}" for number in range(len(probabilities[0]))]
    if as_json:
        for picture, row in zip(pictures, probabilities):
            typer.echo(json_text.dumps({"picture": str(picture),
                                        "probabilities": dict(zip(labels, row))}))
        return
    if not manifest.trained:
        typer.echo("note: this network is untrained; its predictions are meaningless", err=True)
    rows = []
    for picture, row in zip(pictures, probabilities):
        best = sorted(range(len(row)), key=lambda number: -row[number])[:top]
        rows.append((str(picture), ", ".join(f"{labels[n]} {row[n]:.1%}" for n in best)))
    print_table(("picture", "most probable"), rows)


def _without_macos_metadata(pictures: list[Path]) -> list[Path]:
    """The files without ``._a.png``, in which macOS stores metadata of ``a.png``, with a note.

    Raises ValueError if there are no other files.
    """
    metadata = [picture for picture in pictures if picture.name.startswith("._")]
    if len(metadata) == len(pictures):
        raise ValueError(f"{metadata[0]} holds macOS metadata, not a picture; give "
                         f"{metadata[0].name.removeprefix('._')} instead")
    if metadata:
        note(f"ignored {len(metadata)} with macOS metadata of other files: "
             f"{listed(list(map(str, metadata)))}")
    return [picture for picture in pictures if picture not in metadata]
