"""`zoo list`, `show`, `plot` and `register`.  Needs no torch."""

from __future__ import annotations

import os
import re
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo import registry
from zoo.cell_file import read_cell, read_file
from zoo.commands.select_option import Select
from zoo.commands.table import print_table
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.formats import FORMATS, write
from zoo.genotypes.serialization import kind_name, to_json
from zoo.messages import notes
from zoo.messages.command_line import command
from zoo.registry import CellRecord, UnknownCellError
from zoo.system import json_text


class Kind(str, Enum):
    conv = "conv"
    recurrent = "recurrent"
    hierarchical = "hierarchical"
    nasbench201 = "nasbench201"


def list_cells(
    pattern: Annotated[str, typer.Argument(
        help="A wildcard in quotes, such as '*DARTS*'; case is ignored.",
        show_default=False)] = "*",
    all_cells: Annotated[bool, typer.Option("--all", help="All cells, not the best known "
                                            "only.")] = False,
    kind: Annotated[Kind | None, typer.Option(help="Cells of this kind only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the cells of the zoo: the best known of the published ones, and all of your own.

    A PATTERN searches all cells by name and alias.  Errors, perplexities and parameters (in
    millions) are as reported in the papers.

    \b
    Example:
      zoo list
      zoo list '*DARTS*'
      zoo list --all --kind recurrent
    """
    found = registry.records(pattern, kind and kind.value)
    for problem in registry.broken_user_cells():
        typer.echo(f"warning: {notes.printable(problem)}", err=True)
    shown = found if all_cells or pattern != "*" else [
        cell for cell in found if cell.headline or cell.origin == "user"]
    if not shown and pattern != "*":
        hint = "" if "*" in pattern else f" Try {command(f'*{pattern}*')}."
        raise UnknownCellError(f"no cell matches {pattern!r}.{hint} `zoo list --all` shows every "
                               "cell")
    if as_json:
        typer.echo(json_text.dumps([_facts(cell) for cell in shown], indent=2, ensure_ascii=False))
        return
    print_table(
        ("name", "year", "reported", "params", "method"),
        [(_names(cell), cell.paper and cell.paper.year, _figure(cell), _parameters(cell),
          _method(cell)) for cell in shown],
        right=("params",), shorten="method",
        whole=[number for number, cell in enumerate(shown) if cell.origin == "user"],
    )
    rest = len(found) - len(shown)
    if rest:
        typer.echo(f"\n{len(shown)} of {len(found)} cells; `zoo list --all` shows the other "
                   f"{rest}, `zoo show NAME` one of them.")


def _names(cell: CellRecord) -> str:
    """The name and its shorter aliases."""
    short = [alias for alias in cell.aliases if len(alias) < len(cell.name)]
    return f"{cell.name} ({', '.join(short)})" if short else cell.name


def _method(cell: CellRecord) -> str:
    if cell.origin == "user":
        return f"yours: {cell.source}" if cell.source else "yours"
    return cell.method


def _figure(cell: CellRecord) -> str:
    """The first of the common benchmarks that the paper reports."""
    for key, form in (("cifar10_error", "CIFAR-10 {:.2f} %"), ("imagenet_top1_error",
                      "ImageNet {:.1f} %"), ("cifar100_error", "CIFAR-100 {:.2f} %"),
                      ("imagenet16_120_error", "ImageNet16-120 {:.2f} %"),
                      ("ptb_test_ppl", "PTB {:.1f} ppl")):
        if key in cell.reported:
            return form.format(cell.reported[key])
    return ""


def _parameters(cell: CellRecord) -> str:
    for key in ("cifar10_params_M", "imagenet_params_M", "params_M"):
        if key in cell.reported:
            return f"{cell.reported[key]} M"
    return ""


def _facts(cell: CellRecord) -> dict[str, Any]:
    """The metadata of a cell, for JSON."""
    return {
        "name": cell.name,
        "kind": cell.genotype.kind,
        "aliases": list(cell.aliases),
        "origin": cell.origin,
        "source": cell.source,
        "file": str(cell.path) if cell.path else None,
        "headline": cell.headline,
        "paper": {**asdict(cell.paper), "url": cell.paper.url} if cell.paper else None,
        "method": cell.method,
        "reported": cell.reported,
        "notes": list(cell.notes),
        "sources": list(cell.sources),
    }


# --- show ---------------------------------------------------------------------------------


def show(
    name: Annotated[str, typer.Argument(help="A cell's name, an alias, or a genotype file.",
                                        show_default=False)],
    form: Annotated[str | None, typer.Option(
        "--format", help=f"Print it in one form only: {', '.join(FORMATS)}.",
        show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json, with all "
                                          "metadata.")] = False,
    as_text: Annotated[bool, typer.Option("--text", help="The same as --format classic: "
                                          "Genotype(...).")] = False,
    select: Select = None,
) -> None:
    """Show a cell: its paper, the reported results, and the genotype as text and as JSON.

    --format also writes it for other tools: a sample of NNI, a configuration of NAS-Bench-301,
    tuples of NASLib.

    \b
    Example:
      zoo show DARTS
      zoo show PC_DARTS_cifar --json > pc_darts.json
      zoo show DARTS_V2 --format nni > sample.json
      zoo show search.log
      zoo show genotypes.py --select DARTS_V2
    """
    forms = [given for given in (form, "json" if as_json else None, "classic" if as_text else None)
             if given is not None]
    if len(set(forms)) > 1:
        raise ValueError("--format, --json and --text exclude each other; choose one")
    cell = read_cell(name, select)
    if not forms:
        typer.echo(_page(cell))
        return
    try:
        text, lost = write(cell.genotype, forms[0], _facts(cell))
    except GenotypeError as error:
        raise GenotypeError(f"{cell.name} {error}") from None
    for line in lost:
        notes.note(line)
    typer.echo(text)


def _page(cell: CellRecord) -> str:
    aliases = f", also called {', '.join(cell.aliases)}" if cell.aliases else ""
    lines = [f"{cell.name}: a {kind_name(cell.genotype)} cell{aliases}"]
    if cell.method:
        lines.append(f"method    {cell.method}")
    if cell.paper:
        venue = cell.paper.venue or cell.paper.year
        lines += [f"paper     {cell.paper.title}", f"          {cell.paper.authors} ({venue})"]
        if cell.paper.url:
            lines.append(f"          {cell.paper.url}")
    if cell.path:
        lines.append(f"file      {cell.path}")
    if cell.source:
        lines.append(f"source    {cell.source}")
    width = max(map(len, cell.reported), default=0)
    for heading, entries in (
        ("Reported", [f"{key:{width}}  {_plain(value)}" for key, value in cell.reported.items()]),
        ("Notes", cell.notes),
        ("Sources", cell.sources),
        ("As text", _wrapped(str(cell.genotype))),
        ("As JSON", to_json(cell.genotype).splitlines()),
        ("Next", _next_commands(cell)),
    ):
        if entries:
            lines += ["", heading, *(f"  {entry}" for entry in entries)]
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    """The text of a genotype with a line for each field and each motif."""
    text = re.sub(r", (?=\w+=)", ",\n         ", text)
    return text.replace("]], [[", "]],\n                  [[").splitlines()


def _plain(value: object) -> str:
    return "; ".join(value) if isinstance(value, list) else str(value)


def _next_commands(cell: CellRecord) -> list[str]:
    name = cell.path if cell.origin == "file" else cell.name
    commands = [command("zoo", "plot", name, "-o", _picture(cell))]
    if cell.origin == "file":
        return [*commands, command("zoo", "register", name)]
    if cell.genotype.kind != "recurrent":
        commands.append(command("zoo", "train", name, "--data", "digits"))
    return [*commands, command("zoo", "build", name, "--export", "tfjs")]


# --- plot ---------------------------------------------------------------------------------


def plot(
    name: Annotated[str, typer.Argument(help="A cell's name, an alias, or a genotype file.",
                                        show_default=False)],
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="SVG file to write. Default: NAME.svg.")] = None,
    select: Select = None,
) -> None:
    """Draw a cell as SVG: the normal and the reduction cell, or the cell and its motifs.

    \b
    Example:
      zoo plot DARTS -o darts.svg
    """
    from zoo.plotting.cell import svg

    cell = read_cell(name, select)
    output = output or _picture(cell)
    if not output.parent.is_dir():
        raise ValueError(f"{output}: there is no folder {output.parent}; create it first")
    if output.is_dir():
        raise ValueError(f"{output} is a folder; give a file, such as "
                         f"{output / _picture(cell)}")
    if output.suffix.lower() != ".svg" and not _is_special(output):
        raise ValueError(f"{output} does not end in .svg, and the drawing is SVG; write "
                         f"{output.with_suffix('.svg')} and convert it to PNG or PDF with a "
                         "browser, Inkscape or rsvg-convert")
    _write_whole(output, svg(cell.genotype, cell.name))
    typer.echo(f"wrote {output}")


def _picture(cell: CellRecord) -> Path:
    """The default file for a cell's drawing, in the current folder whatever the cell's name."""
    return Path(f"{Path(cell.name).name}.svg")


def _is_special(path: Path) -> bool:
    """Whether `path` is a device such as /dev/stdout, which cannot be replaced."""
    return path.exists() and not path.is_file()


def _write_whole(path: Path, text: str) -> None:
    """Write a file atomically, or to a device such as /dev/stdout."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if _is_special(path):
            path.write_text(text, encoding="utf-8")
            return
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        part.unlink(missing_ok=True)


# --- register -----------------------------------------------------------------------------


def register(
    file: Annotated[Path, typer.Argument(
        help="A genotype as JSON or Genotype(...), in a log or a module too, or in the form of "
             "NNI, NAS-Bench-301 or NASLib.", show_default=False)],
    name: Annotated[str | None, typer.Option(
        help="Name of the cell. Default: the one in the file, or that of the file.")] = None,
    source: Annotated[str | None, typer.Option(
        help="Source of the cell, as shown by `zoo show`.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a cell of yours.")] = False,
    select: Select = None,
) -> None:
    """Add a cell of your own, so that every command knows it by name.

    \b
    Example:
      zoo register my_cell.json --name MY_CELL --source "search run 7"
      zoo register search.log --select 3 --name MY_CELL
    """
    cell = read_file(file, select)
    source = cell.source if source is None else source
    path = registry.register(cell.name if name is None else name, cell.genotype, source, replace)
    typer.echo(f"registered {path.stem} in {path}; see `{command('zoo', 'show', path.stem)}`")
