"""`--select`, the option of every command that reads a genotype file.  Needs no torch."""

from __future__ import annotations

from typing import Annotated

import typer

Select = Annotated[str | None, typer.Option(
    "--select", metavar="N|NAME",
    help="Which genotype of a file with several: its number (from 1) or name. Default: the last.",
    show_default=False)]
