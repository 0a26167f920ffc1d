"""`--select`, the option of every command that takes a genotype file.  Needs no torch."""

from __future__ import annotations

from typing import Annotated

import typer

Select = Annotated[str | None, typer.Option(
    "--select", metavar="N|NAME",
    help="Of a file with several genotypes the one of this number (from 1) or name; the last when "
         "left out.", show_default=False)]
