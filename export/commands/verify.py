"""`zoo verify`: checks an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export.commands.results import agreement_line, parity_cells
from export.runtimes.base import ALL, RUNTIMES, all_backends, select_runtimes
from zoo.commands.progress import spinner
from zoo.commands.table import print_table
from zoo.messages.spelling import either

if TYPE_CHECKING:
    from zoo.artifact.manifest import Agreement

# Annotations are evaluated when a command is called: its help lists the tables' current entries.


def _runtimes() -> str:
    return either(f"{name} ({each.reads})" for name, each in RUNTIMES.items())


def _agreeing() -> list[str]:
    return [name for name, each in RUNTIMES.items() if each.agree]


def verify(
    directory: Annotated[Path, typer.Argument(help="An artifact folder.", show_default=False)],
    runtime: Annotated[list[str] | None, typer.Option(
        help=f"Also run the files in {_runtimes()}, or in {ALL}: NAME or NAME:BACKEND; repeat, "
             "or separate by commas.")] = None,
    backend: Annotated[list[str] | None, typer.Option(
        help=f"{either(all_backends())}, for runtimes named without one; repeatable. Default: all "
             "backends of the runtime.")] = None,
    images: Annotated[int | None, typer.Option(
        help=f"Number of test images to classify in {either(_agreeing())}, compared with float32."
    )] = None,
    data: Annotated[str | None, typer.Option(
        help="Data set of --images. Default: that of the artifact.")] = None,
    path: Annotated[Path | None, typer.Option(help="Folder of that data set.")] = None,
    keep: Annotated[bool, typer.Option(
        "--record", help="Write the result of --images to manifest.json and README.md.")] = False,
) -> None:
    """Check an artifact: sha256 of every file, outputs of every format, real runtimes.

    \b
    Example:
      zoo verify exports/DARTS-digits --runtime tfjs
      zoo verify exports/mine --runtime tfjs:webgpu,litert:wasm,ort-web
      zoo verify exports/DARTS-digits --runtime tfjs:wasm --images 300 --record
    """
    if images is None and (data or path or keep):
        option = "--data" if data else "--path" if path else "--record"
        raise ValueError(f"{option} requires --images, the number of test images to classify")
    selected = select_runtimes(runtime or [], backend)
    if backend and not selected:
        raise ValueError(f"--backend requires a runtime; add --runtime {either(RUNTIMES)}")
    if images is not None and not any(one.runtime.agree for one in selected):
        raise ValueError(f"--images are classified in {either(_agreeing())}; add --runtime "
                         f"{_agreeing()[0]}")
    from export.checks import agreement
    from export.checks.verify import formats_of, holds, in_runtime
    from zoo.artifact.folder import refuse_here

    if keep:
        refuse_here(directory)
    with spinner() as say:
        rows = formats_of(directory, started=lambda hop: say(f"{hop} ..."))
        if runtime and ALL in runtime:
            selected = [one for one in selected if one.named or holds(directory, one.runtime)]
        for one in selected:
            say(f"{one.runtime.name} ...")
            rows += in_runtime(directory, one.runtime.name, one.backends if one.named else None)
        entries: list[Agreement] = []
        for one in selected:
            if images is not None and one.runtime.agree:
                say(f"{images} images in {one.runtime.name} ...")
                entries += one.runtime.agree(directory, images, data, path,
                                             one.backends if one.named else None)
    print_table(("where", "max difference", "limit", "verdict"),
                [(row.name, *parity_cells(row), row.verdict) for row in rows],
                right=("max difference", "limit"))
    for entry in entries:
        typer.echo(agreement_line(entry))
    failed = [row.name for row in rows if row.failed]
    if failed:
        typer.echo(f"error: {directory}: verification failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)
    if keep:
        agreement.record(directory, entries)
    typer.echo(f"{directory}: the files are unchanged and all outputs agree")
