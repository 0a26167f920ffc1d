"""The commands that read runs: `search list`, `show`, `plot`, `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.messages.command_line import command
from zoo.messages.notes import printable

if TYPE_CHECKING:
    from search.reporting.history import RunRecord

RunFolder = Annotated[Path, typer.Argument(help="The folder of a run.", show_default=False)]


def list_runs(
    folder: Annotated[Path | None, typer.Argument(
        help="Folder that holds the runs. Default: runs.", show_default=False)] = None,
) -> None:
    """List the search runs in a folder.

    \b
    Example:
      search list
    """
    from search.reporting.history import read_runs
    from zoo.commands.table import print_table

    if folder is not None and not folder.is_dir():
        raise ValueError(f"no folder {folder}; name one that holds runs")
    folder = folder or Path("runs")
    records, damaged = read_runs(folder)
    tables = _table_rows(folder)
    for line in damaged:
        typer.echo(f"warning: {printable(line)}", err=True)
    if not records and not tables:
        typer.echo(f"no search runs in {folder}; `search run` makes one")
        return
    print_table(
        ("run", "strategy", "space", "data", "seed", "epochs", "best", "cell"),
        [*((str(record.folder), record.strategy, record.space, record.data, record.seed,
            len(record.rows), _best(record),
            record.result["name"] if record.result else "unfinished") for record in records),
         *tables],
        right=("seed", "epochs", "best"), shorten="cell")


def _table_rows(folder: Path) -> list[tuple[object, ...]]:
    """A row for each search against a table: its seeds, and the mean of what they found."""
    from search.tables.folder import CONFIG, is_table_run

    rows: list[tuple[object, ...]] = []
    paths = sorted(path.parent for path in folder.glob(f"*/{CONFIG}") if is_table_run(path.parent))
    if not paths:  # spares slow imports
        return rows
    from search.reporting.table_text import read_summary
    from search.tables.run import read_config
    from zoo.runs.run_folder import RunError

    for path in paths:
        try:
            config, summary = read_config(path), read_summary(path)
        except RunError as error:
            typer.echo(f"warning: {printable(str(error))}", err=True)
            continue
        best = f"{summary['found']['mean']:.2f}" if summary else ""
        rows.append((str(path), config.strategy, "table", config.path.name,
                     f"{config.seed}-{config.seed + config.seeds - 1}", "", best,
                     f"{config.seeds:,} seeds" if summary else "unfinished"))
    return rows


def _best(record: RunRecord) -> str:
    if record.best is None:
        return ""
    return f"{record.best:.2%}" if record.metric == "accuracy" else f"{record.best:.1f} ppl"


def show(
    folder: RunFolder,
    register: Annotated[tuple[int, str] | None, typer.Option(
        "--register", metavar="NUMBER NAME", help="Register the cell of this candidate of the "
        "front in your zoo as NAME.", show_default=False)] = None,
) -> None:
    """Show a run: settings, one line per epoch, and the cell found; with objectives, the front.

    \b
    Example:
      search show runs/search-darts1-digits-0
      search show runs/search-evolution-digits-0 --register 17 SMALL
    """
    from search.reporting.front import front_cells, register_cell
    from search.reporting.history import duration, read_run
    from search.reporting.terminal import row_line
    from search.tables.folder import is_table_run
    from zoo.artifact.names import GENOTYPE

    if is_table_run(folder):
        from search.reporting.table_text import show as show_table

        if register is not None:
            raise ValueError("--register applies to a search that trains candidates; register a "
                             "cell of a table with `zoo register`")
        show_table(folder)
        return
    record = read_run(folder)
    if register is not None:
        path = register_cell(record, *register)
        shown = command("zoo", "show", path.stem)
        typer.echo(f"registered {path.stem} in {path}; see `{shown}`")
        return
    config = record.config
    if limits := config.get("limits"):
        typer.echo(f"limits: {', '.join(map(str, limits))}")
    typer.echo(f"{record.strategy} on {record.data}, {record.space} space, seed {record.seed}")
    for title, values in (("settings", record.settings),
                          ("training", config.get("training") or {})):
        if values:
            typer.echo(f"{title}: " + ", ".join(f"{k} {v}" for k, v in values.items()))
    for row in record.rows:
        typer.echo(row_line(row, record.epochs or len(record.rows)))
        for warning in row.get("warnings", ()):
            typer.echo(f"  warning: {warning}")
    if record.rows:
        took = "" if record.total_seconds is None else f", {duration(record.total_seconds)}"
        typer.echo(f"cost: {record.cost[-1]:,} {record.unit}{took}")
    if cells := front_cells(record):
        _print_front(record, cells)
    if record.result is None:
        typer.echo(f"unfinished; continue with `{command('search', 'resume', folder)}`")
        return
    typer.echo(f"found {record.result['name']} (epoch {record.chosen_epoch}, "
               f"{record.result['why']}), {folder / GENOTYPE}")


def _print_front(record: RunRecord, cells: list[dict[str, Any]]) -> None:
    """The cells of the front, a line each."""
    from zoo.commands.table import print_table

    metric = f"valid_{record.metric}"
    form = "{:.2%}" if record.metric == "accuracy" else "{:.1f}"
    names = list(cells[0]["measures"])
    typer.echo(f"front by {record.metric} and {', '.join(record.objectives)}:")
    print_table(("candidate", record.metric, *names), [
        (cell["number"], form.format(cell[metric]), *(f"{cell['measures'][name]:,.6g}"
                                                     for name in names)) for cell in cells],
        right=("candidate", record.metric, *names))


def plot(
    folder: RunFolder,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="An .svg, .png or .pdf file. Default: RUN.svg.")] = None,
) -> None:
    """Plot the curves of a run, and its front.

    \b
    Example:
      search plot runs/search-darts1-digits-0 -o run.svg
    """
    from search.reporting.history import read_run
    from search.reporting.plots import plot_run
    from search.tables.folder import is_table_run

    path = output or Path(f"{folder.resolve().name}.svg")
    if is_table_run(folder):
        typer.echo(f"wrote {_plot_tables([folder], path)}")
        return
    typer.echo(f"wrote {plot_run(read_run(folder), path)}")


def _plot_tables(folders: list[Path], path: Path) -> Path:
    """The curves of searches against one table.  Raises ValueError for an unfinished one."""
    from search.reporting.table_plot import plot_tables
    from search.reporting.table_text import read_summary
    from search.tables.run import read_config

    summary = read_summary(folders[0])
    if summary is None:
        raise ValueError(f"{folders[0]} is not finished; go on with "
                         f"`{command('search', 'resume', folders[0])}`")
    return plot_tables([(folder, read_config(folder)) for folder in folders], path,
                       summary["best_of_table"]["judged_by"],
                       summary.get("front", {}).get("true", ()))


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Runs on the same space and data.",
                                                  show_default=False)],
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="Where to draw it: .svg, .png or .pdf; compare.svg when left out, "
        "nowhere with --json.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare strategies: accuracy over cost, mean and spread over seeds.

    Searches against one table are compared seed by seed, with significance.

    \b
    Example:
      search compare runs/search-*-digits-*
    """
    from search.reporting.compare import compare as compare_runs
    from search.reporting.compare import print_comparison
    from search.reporting.history import read_run
    from search.reporting.plots import plot_comparison
    from search.tables.folder import is_table_run

    if all(map(is_table_run, folders)):
        from search.reporting.table_text import compare as compare_tables

        compare_tables(folders, as_json)
        if output is not None or not as_json:
            typer.echo(f"wrote {_plot_tables(folders, output or Path('compare.svg'))}", err=as_json)
        return
    comparison = compare_runs([read_run(folder) for folder in folders])
    print_comparison(comparison, as_json)
    if output is not None or not as_json:
        path = plot_comparison(comparison, output or Path("compare.svg"))
        typer.echo(f"wrote {path}", err=as_json)
