"""`zoo doctor`: checks this machine."""

from __future__ import annotations

import typer

from zoo.commands.table import print_table


def doctor() -> None:
    """Check which hops and runtimes work here; for those that do not, why and what to install.

    \b
    Example:
      zoo doctor
    """
    from export.checks.doctor import checks, without_dependencies

    rows = checks()
    print_table(("hop", "works", "found or missing"),
                [(row.hop, "yes" if row.ok else "no", row.detail) for row in rows])
    if not all(row.ok for row in rows):
        typer.echo("\nA missing part is needed only by the commands that use it.")
    if command := without_dependencies():
        typer.echo("\nInstall the converters without their declared dependencies:\n\n"
                   f"  {command}")
