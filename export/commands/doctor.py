"""`zoo doctor`: checks this machine, and installs what pip cannot resolve."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.commands.table import print_table
from zoo.messages.command_line import command

if TYPE_CHECKING:
    from export.checks.doctor import Check


def doctor(
    fix: Annotated[bool, typer.Option(
        "--fix", help="Install the converters that pip cannot resolve, after asking.")] = False,
    yes: Annotated[bool, typer.Option(
        "--yes", "-y", help="With --fix, do not ask.")] = False,
) -> None:
    """Check which hops and runtimes work here; for those that do not, why and what to install.

    \b
    Example:
      zoo doctor
      zoo doctor --fix
    """
    from export.checks.doctor import checks, without_dependencies

    if yes and not fix:
        raise ValueError("--yes answers the question of --fix; add --fix")
    rows = checks()
    _print(rows)
    if not all(row.ok for row in rows):
        typer.echo("\nA missing part is needed only by the commands that use it.")
    line = without_dependencies()
    if fix:
        _fix(rows, line, yes)
    elif line:
        typer.echo("\nInstall the converters without their declared dependencies, by `zoo doctor "
                   f"--fix` or yourself:\n\n  {line}")


def _fix(before: list[Check], line: str | None, yes: bool) -> None:
    """Run `line` with the pip of this Python, after asking, and print what works then."""
    from export.checks.doctor import checks, install, installation

    if line is None:
        typer.echo("\nThe converters need no fix.")
        return
    shown = command(*installation())
    if not yes and not sys.stdin.isatty():
        raise ValueError("a converter is missing, and there is no terminal to ask on; run "
                         f"`{shown}`, or `zoo doctor --fix --yes`")
    typer.echo(f"\n  {shown}\n")
    if not yes and not typer.confirm("Run it?"):
        raise typer.Exit(1)
    install()
    broken = {row.hop for row in before if not row.ok}
    typer.echo()
    _print([row for row in checks() if row.hop in broken])


def _print(rows: list[Check]) -> None:
    print_table(("hop", "works", "found or missing"),
                [(row.hop, "yes" if row.ok else "no", row.detail) for row in rows])
