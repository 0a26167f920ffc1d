"""`zoo import`: convert a checkpoint to an artifact folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cell_file import read_cell, shown_name
from zoo.commands.select_option import Select


def import_checkpoint(
    checkpoint: Annotated[Path, typer.Argument(
        help="A state dict, or a checkpoint that holds one, of torch.save or safetensors.",
        show_default=False)],
    cell: Annotated[str | None, typer.Option(
        "--cell", help="Its cell, or a genotype file; without it, the cells that fit are listed."
        )] = None,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="Output folder. Default: runs/CELL-FILE.")] = None,
    network: Annotated[str, typer.Option(
        help="auto, cifar, imagenet or language; auto reads it from the keys.")] = "auto",
    select: Select = None,
) -> None:
    """Import a checkpoint of the official DARTS release or its forks as an artifact folder.

    Channels, layers and classes are read from the shapes; nothing in the file is executed.
    Prefixes of wrappers (DataParallel, torch.compile, Lightning) are removed.

    \b
    Example:
      zoo import cifar10_model.pt --cell DARTS_V2 -o runs/DARTS_V2-official
      zoo import weights.pt --cell search.log
    """
    from zoo.checkpoints import importing
    from zoo.checkpoints.first_bytes import plain_stem

    if cell is None:
        raise ValueError(f"give the cell of {checkpoint} with --cell: "
                         f"{importing.fitting_cells(checkpoint)}; shapes do not determine the "
                         "edges of a cell")
    record = read_cell(cell, select)
    name = shown_name(cell, record)
    folder = output or Path("runs") / f"{name}-{plain_stem(str(checkpoint))}"
    manifest = importing.import_checkpoint(
        checkpoint, cell if record.origin != "file" else record, folder, network)
    settings = ", ".join(f"{name} {value}" for name, value in
                         manifest.network.settings().items())
    typer.echo(f"{folder}: {manifest.network.kind} network of {name}, {settings}, "
               f"{manifest.parameters:,} parameters")
