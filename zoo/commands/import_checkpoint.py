"""`zoo import`: a checkpoint of the official DARTS release becomes an artifact folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cell_file import read_cell, shown_name
from zoo.commands.select_option import Select


def import_checkpoint(
    checkpoint: Annotated[Path, typer.Argument(help="A state dict of the 2018 DARTS release.")],
    cell: Annotated[str, typer.Option(
        "--cell", help="The cell that it is a network of, or a genotype file.")],
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="Folder to write; runs/CELL-FILE when left out.")] = None,
    network: Annotated[str, typer.Option(
        help="auto, cifar, imagenet, language; auto looks at the keys.")] = "auto",
    select: Select = None,
) -> None:
    """Make an artifact folder from a checkpoint of the official DARTS release.

    Channels, layers and classes are read from the shapes; nothing in the file is executed.

    \b
    Example:
      zoo import cifar10_model.pt --cell DARTS_V2 -o runs/DARTS_V2-official
      zoo import weights.pt --cell search.log
    """
    from zoo import darts_checkpoint

    record = read_cell(cell, select)
    name = shown_name(cell, record)
    folder = output or Path("runs") / f"{name}-{checkpoint.stem}"
    manifest = darts_checkpoint.import_checkpoint(
        checkpoint, cell if record.origin != "file" else record, folder, network)
    settings = ", ".join(f"{name} {value}" for name, value in
                         manifest.network.settings().items())
    typer.echo(f"{folder}: {manifest.network.kind} network of {name}, {settings}, "
               f"{manifest.parameters:,} parameters")
