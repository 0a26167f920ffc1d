"""The `search` command."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli import PLAIN, OneLineErrors
from zoo.commands.settings_options import Assignments, Config

if TYPE_CHECKING:
    from search.config import RunConfig
    from search.reporting.history import RunRecord

app = typer.Typer(no_args_is_help=True, cls=OneLineErrors, **PLAIN)

RunFolder = Annotated[Path, typer.Argument(help="The folder of a run.", show_default=False)]
Workers = Annotated[str, typer.Option(
    help="Candidates trained at a time: a number, auto (one a core or GPU), ray, or "
    "ray://HOST:PORT.")]
EarlyStop = Annotated[bool, typer.Option(
    "--early-stop", help="End when three epochs on end show a collapse.")]


@app.callback()
def search() -> None:
    """Find new cells.

    \b
    Example:
      search run
      search run --strategy evolution --data cifar10 --path ~/cifar10
      search compare runs/search-*
    """


def _setting(help: str) -> Any:
    return typer.Option(help=help, rich_help_panel=None, show_default=False)


@app.command()
def run(
    strategy: Annotated[str | None, typer.Option(
        help="darts, pc-darts, gdas, random-ws, enas (shared weights); random, evolution, "
        "reinforce, hierarchical (every candidate trained from scratch); darts when left out.",
        show_default=False)] = None,
    space: Annotated[str | None, typer.Option(
        help="conv, recurrent or hierarchical; the strategy's first when left out.")] = None,
    data: Annotated[str | None, typer.Option(
        help="digits, cifar10, cifar100, folder; recurrent: sample, ptb, wikitext2, text. Digits "
        "or sample when left out.")] = None,
    path: Annotated[Path | None, typer.Option(help="Where the data set lies.")] = None,
    size: Annotated[int | None, _setting("Scale the images of --data folder.")] = None,
    by: Annotated[str | None, _setting("Tokens of a text: word or char.")] = None,
    preset: Annotated[str | None, _setting(
        "quick (two minutes on two cores; of digits and the sample) or paper (as published).")
        ] = None,
    order: Annotated[int | None, _setting("Of darts: 1 or 2 (a step ahead).")] = None,
    epochs: Annotated[int | None, _setting(
        "Of the supernet, or of each candidate's training.")] = None,
    candidates: Annotated[int | None, _setting("Cells that are trained from scratch.")] = None,
    channels: Annotated[int | None, _setting("Width of the first cell.")] = None,
    layers: Annotated[int | None, _setting("Number of cells.")] = None,
    hidden: Annotated[int | None, _setting("Width of the recurrent cell.")] = None,
    batch_size: Annotated[int | None, _setting(
        "Images per step, or parallel token streams of a text.")] = None,
    learning_rate: Annotated[float | None, _setting("Of the weights, at the start.")] = None,
    alpha_learning_rate: Annotated[float | None, _setting("Of the alphas.")] = None,
    budget: Annotated[int | None, typer.Option(
        help="Training images (or tokens) that weights may be updated with in the whole run, "
        "instead of --epochs or --candidates.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(
        help="Of everything random; 0 when left out.", show_default=False)] = None,
    config: Config = None,
    assignments: Assignments = None,
    workers: Workers = "auto",
    early_stop: EarlyStop = False,
    device: Annotated[str | None, typer.Option(
        help="auto, cpu, cuda, mps; auto when left out.", show_default=False)] = None,
    precision: Annotated[str | None, typer.Option(
        help="float32, bfloat16, or auto, which is bfloat16 on a GPU that has it.",
        show_default=False)] = None,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="Folder of the run; runs/search-STRATEGY-DATA-SEED when left out.",
        show_default=False)] = None,
    name: Annotated[str | None, typer.Option(
        help="Of the found cell in your zoo; STRATEGY_DATA_SEED when left out.",
        show_default=False)] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a cell of yours.")] = False,
) -> None:
    """Search for a cell, and register what is found in your zoo.

    Without arguments: DARTS, first order, on scikit-learn's digits; about two minutes on two
    cores.  An interrupted run goes on with `search resume`.

    \b
    Example:
      search run
      search run --order 2 --seed 1
      search run --space recurrent
      search run --data cifar10 --path ~/cifar10 --preset paper
      search run --config my_search.yaml --set weight_decay=1e-4
    """
    from search import build
    from search import runner as runs
    from search.config import SearchOptions, plan
    from zoo import registry
    from zoo.recipes.config_file import read_assignments
    from zoo.system import distributed
    from zoo.system.device import pick_device

    images = None

    def prepare() -> Path:
        nonlocal images
        options = SearchOptions(
            strategy=strategy, space=space, data=data, path=path, size=size, by=by, preset=preset,
            seed=seed, device=device, precision=precision, budget=budget, name=name,
            replace=replace, early_stop=early_stop, changes={
                "order": order, "epochs": epochs, "candidates": candidates,
                "channels": channels, "layers": layers, "hidden": hidden,
                "batch_size": batch_size, "learning_rate": learning_rate,
                "alpha_learning_rate": alpha_learning_rate},
            given=read_assignments(assignments or []))
        if config is not None:
            options = options.over_file(config)
        if options.name is not None:
            registry.check_free(options.name, options.replace)  # before hours of search
        planned, images = plan(options)
        planned = dataclasses.replace(planned, epochs=build.rehearse(planned, images, workers))
        folder = output or _free_folder(planned)
        runs.start(folder, planned)
        return folder

    with distributed.group(pick_device(device or "auto")):
        _carry_out(distributed.first(prepare), images, workers, early_stop)


@app.command()
def resume(folder: RunFolder, workers: Workers = "auto", early_stop: EarlyStop = False) -> None:
    """Go on with an interrupted run; it ends as it would have without the interruption.

    \b
    Example:
      search resume runs/search-darts-digits-0
    """
    _carry_out(folder, None, workers, early_stop)


def _carry_out(folder: Path, data: Any, workers: str, early_stop: bool) -> None:
    from search import runner as runs
    from search.reporting.history import read_run
    from search.reporting.terminal import display
    from zoo.system import distributed

    try:
        with display(shown=distributed.is_main_process()) as screen:
            screen.say(f"{read_run(folder).strategy} in {folder}")
            found = runs.run(folder, data, workers, early_stop, screen.report, screen.on_event)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; go on with `search resume {folder}`", err=True)
        raise typer.Exit(130) from None
    if not distributed.is_main_process():
        return
    typer.echo(f"{found.name} (epoch {found.epoch}, {found.why})\n{found.genotype}\n"
               f"run: {folder}, report: {folder / 'report.html'}")
    config = read_run(folder).config
    place = f" --path {shlex.quote(config['path'])}" if config["path"] else ""
    place += f" --size {config['size']}" if config["size"] else ""
    if found.genotype.kind == "recurrent":
        typer.echo(f"next: zoo plot {found.name}\n      zoo build {found.name} --export tfjs")
    else:
        place += f" -o {shlex.quote(str(folder / 'trained'))}"
        typer.echo(f"next: zoo train {found.name} --data {config['data']}{place}\n"
                   f"      zoo build {found.name} --export tfjs")


def _free_folder(config: RunConfig) -> Path:
    """runs/search-..., with a number when an earlier run has that name."""
    base = f"search-{config.label}-{config.data}-{config.seed}"
    folder, number = Path("runs") / base, 1
    while folder.exists():
        if not (folder / "result.json").exists() and (folder / "config.json").exists():
            typer.echo(f"note: {folder} is unfinished; `search resume {folder}` goes on with it",
                       err=True)
        number += 1
        folder = Path("runs") / f"{base}-{number}"
    return folder


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the runs.")] = Path("runs"),
) -> None:
    """Show the search runs in a folder.

    \b
    Example:
      search list
    """
    from search.reporting.history import read_runs
    from zoo.commands.table import print_table

    records, damaged = read_runs(folder)
    for line in damaged:
        typer.echo(f"warning: {line}", err=True)
    if not records:
        typer.echo(f"no search runs in {folder}; `search run` makes one")
        return
    print_table(
        ("run", "strategy", "space", "data", "seed", "epochs", "best", "cell"),
        [(str(record.folder), record.strategy, record.space, record.data, record.seed,
          len(record.rows), _best(record),
          record.result["name"] if record.result else "unfinished") for record in records],
        right=("seed", "epochs", "best"), shorten="cell")


def _best(record: RunRecord) -> str:
    if record.best is None:
        return ""
    return f"{record.best:.2%}" if record.metric == "accuracy" else f"{record.best:.1f} ppl"


@app.command()
def show(folder: RunFolder) -> None:
    """Show a run: settings, every epoch in a line, and what was found.

    \b
    Example:
      search show runs/search-darts1-digits-0
    """
    from search.reporting.history import GENOTYPE, duration, read_run
    from search.reporting.terminal import row_line

    record = read_run(folder)
    config = record.config
    typer.echo(f"{record.strategy} on {record.data}, {record.space} space, seed {record.seed}")
    for title, values in (("settings", config["settings"]),
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
    if record.result is None:
        typer.echo(f"unfinished; go on with `search resume {folder}`")
        return
    typer.echo(f"found {record.result['name']} (epoch {record.chosen_epoch}, "
               f"{record.result['why']}), {folder / GENOTYPE}")


@app.command()
def plot(
    folder: RunFolder,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="An .svg, .png or .pdf file; RUN.svg when left out.")] = None,
) -> None:
    """Draw the curves of a run.

    \b
    Example:
      search plot runs/search-darts1-digits-0 -o run.svg
    """
    from search.reporting.history import read_run
    from search.reporting.plots import plot_run

    record = read_run(folder)
    typer.echo(f"wrote {plot_run(record, output or Path(f'{folder.resolve().name}.svg'))}")


@app.command()
def compare(
    folders: Annotated[list[Path], typer.Argument(help="Runs on the same space and data.",
                                                  show_default=False)],
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="Where to draw it: .svg, .png or .pdf; compare.svg when left out, "
        "nowhere with --json.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare strategies: accuracy against cost, mean and spread over seeds.

    \b
    Example:
      search compare runs/search-*-digits-*
    """
    from search.reporting.compare import compare as compare_runs
    from search.reporting.compare import print_comparison
    from search.reporting.history import read_run
    from search.reporting.plots import plot_comparison

    comparison = compare_runs([read_run(folder) for folder in folders])
    print_comparison(comparison, as_json)
    if output is not None or not as_json:
        path = plot_comparison(comparison, output or Path("compare.svg"))
        typer.echo(f"wrote {path}", err=as_json)


def main() -> None:
    """The console command `search`."""
    app(prog_name="search")


if __name__ == "__main__":
    main()
