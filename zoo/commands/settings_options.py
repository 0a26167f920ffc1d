"""The options shared by `zoo train` and `search run`.  Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option(
    "--config", help="YAML file of settings, or the config.json of a run; options override it.",
    show_default=False)]
Assignments = Annotated[list[str] | None, typer.Option(
    "--set", metavar="NAME=VALUE",
    help="Any single setting, also one without an option; repeatable.", show_default=False)]
Threads = Annotated[int | None, typer.Option(
    "--threads", help="CPU threads. Default: one or all, whichever is faster in the first steps.",
    show_default=False)]
