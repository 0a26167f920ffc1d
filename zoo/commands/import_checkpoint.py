"""`zoo import`: a checkpoint of the official DARTS release becomes an artifact folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_checkpoint(
    checkpoint: Annotated[Path, typer.Argument(help="A state dict of the 2018 DARTS release.")],
    cell: Annotated[str, typer.Option("--cell", help="The cell that it is a network of.")],
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="Folder to write; runs/CELL-FILE when left out.")] = None,
    network: Annotated[str, typer.Option(
        help="auto, cifar, imagenet, language; auto looks at the keys.")] = "auto",
) -> None:
    """Make an artifact folder from a checkpoint of the official DARTS release.

    Channels, layers and classes are read from the shapes; nothing in the file is executed.

    \b
    Example:
      zoo import cifar10_model.pt --cell DARTS_V2 -o runs/DARTS_V2-official
    """
    from zoo import darts_checkpoint

    folder = output or Path("runs") / f"{cell}-{checkpoint.stem}"
    manifest = darts_checkpoint.import_checkpoint(checkpoint, cell, folder, network)
    settings = ", ".join(f"{name} {value}" for name, value in
                         manifest.network.settings().items())
    typer.echo(f"{folder}: {manifest.network.kind} network of {cell}, {settings}, "
               f"{manifest.parameters:,} parameters")
