"""The `search` command."""

from __future__ import annotations

try:
    import dataclasses
    from pathlib import Path
    from typing import TYPE_CHECKING, Annotated, Any

    import typer

    from search.reporting.commands import RunFolder, compare, list_runs, plot, show
    from zoo.cli import PLAIN, OneLineErrors
    from zoo.commands.settings_options import Assignments, Config, Threads
    from zoo.messages import notes
    from zoo.messages.command_line import command, typed
    from zoo.system import interrupts
except KeyboardInterrupt:
    from zoo.system import interrupts

    interrupts.leave()

if TYPE_CHECKING:
    from search.config import RunConfig

app = typer.Typer(no_args_is_help=True, cls=OneLineErrors, **PLAIN)

Workers = Annotated[str, typer.Option(
    help="Candidates trained in parallel: a number, auto (one per core or GPU), ray, or "
    "ray://HOST:PORT. With --table: seeds in parallel; auto is one.")]
EarlyStop = Annotated[bool, typer.Option(
    "--early-stop", help="Stop when three consecutive epochs show a collapse.")]


@app.callback()
def search() -> None:
    """Search for cells.

    \b
    Example:
      search run
      search run --strategy evolution --data cifar10 --path ~/cifar10
      search compare runs/search-*
    """
    notes.show()


#: The parameters of `search run` that apply to a search against a table.
_WITH_TABLE = ("table", "strategy", "look_at", "judge_by", "limits", "seed", "seeds", "budget",
               "assignments", "workers", "output")


def _setting(help: str) -> Any:
    return typer.Option(help=help, rich_help_panel=None, show_default=False)


@app.command()
def run(
    context: typer.Context,
    strategy: Annotated[str | None, typer.Option(
        help="darts, pc-darts, gdas, drnas, sdarts-rs, beta-darts, fair-darts, p-darts, "
        "random-ws, enas (shared weights); random, evolution, reinforce, local-search, bananas, "
        "training-free, hierarchical (candidates trained from scratch). "
        "Default: darts; with --table evolution.",
        show_default=False)] = None,
    space: Annotated[str | None, typer.Option(
        help="conv, recurrent, nasbench201 or hierarchical. Default: the first that the strategy "
        "searches."
        )] = None,
    operations: Annotated[str | None, _setting(
        "Restrict the space: comma-separated names, such as skip_connect,sep_conv_3x3, or a JSON "
        "file with a list per edge.")] = None,
    data: Annotated[str | None, typer.Option(
        help="digits, cifar10, cifar100 or folder; recurrent: sample, ptb, wikitext2 or text. "
        "Default: digits or sample.")] = None,
    path: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    size: Annotated[int | None, _setting("Image size in pixels, for --data folder.")] = None,
    by: Annotated[str | None, _setting("Tokens of a text: word or char.")] = None,
    preset: Annotated[str | None, _setting(
        "quick (two minutes on two cores; for digits and sample) or paper (as published).")
        ] = None,
    order: Annotated[int | None, _setting("Order of darts: 1, or 2 (unrolled).")] = None,
    select: Annotated[str | None, _setting(
        "How to derive the cell: argmax (largest alphas) or perturbation (operations whose removal "
        "costs the most accuracy). Default: argmax.")] = None,
    epochs: Annotated[int | None, _setting(
        "Epochs of the supernet, or of each candidate's training.")] = None,
    candidates: Annotated[int | None, _setting("Number of cells to train from scratch.")] = None,
    warm_start: Annotated[str | None, _setting(
        "training-free: start from the cells with the best training-free scores.")
        ] = None,
    channels: Annotated[int | None, _setting("Channels of the first cell.")] = None,
    layers: Annotated[int | None, _setting("Number of cells.")] = None,
    hidden: Annotated[int | None, _setting("Hidden size of the recurrent cell.")] = None,
    batch_size: Annotated[int | None, _setting(
        "Images per step, or parallel token streams of a text.")] = None,
    learning_rate: Annotated[float | None, _setting(
        "Initial learning rate of the weights.")] = None,
    alpha_learning_rate: Annotated[float | None, _setting("Learning rate of the alphas.")] = None,
    latency_weight: Annotated[float | None, _setting(
        "Weight of the cell's expected latency, in ms, in the loss of the alphas; needs --profile."
        )] = None,
    budget: Annotated[int | None, typer.Option(
        help="Training images (or tokens) of the whole run; instead of --epochs or --candidates. "
        "With --table: number of cells to evaluate, 100 by default.", min=1,
        show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(
        help="Random seed; with --table the first one. Default: 0.", show_default=False)] = None,
    table: Annotated[Path | None, _setting(
        "CSV file of cells (column genotype) and figures; looks cells up instead of training.")
        ] = None,
    look_at: Annotated[str | None, _setting(
        "With --table: the column to search by; higher is better.")] = None,
    judge_by: Annotated[str | None, _setting(
        "With --table: the column to judge the found cell by. Default: that of --look-at.")] = None,
    limits: Annotated[list[str] | None, typer.Option(
        "--limit", help="'MEASURE<=NUMBER' (or >=): cells outside are never proposed; MEASURE "
        "alone: an objective to minimize, and the run ends in a Pareto front. A measure of the "
        "candidates' network: params, multiply-adds, bytes or latency:RUNTIME:BACKEND, as in "
        "'bytes<=500kB' or 'latency:litert:wasm<=5ms'; with --table: a column. Repeatable.",
        show_default=False)] = None,
    profile: Annotated[Path | None, _setting(
        "Latency profile from `zoo profile`, for --limit latency:... and --latency-weight.")
        ] = None,
    seeds: Annotated[int | None, _setting(
        "With --table: number of searches, one per seed. Default: 100.")] = None,
    config: Config = None,
    assignments: Assignments = None,
    workers: Workers = "auto",
    early_stop: EarlyStop = False,
    device: Annotated[str | None, typer.Option(
        help="auto, cpu, cuda, cuda:N or mps. Default: auto.", show_default=False)] = None,
    precision: Annotated[str | None, typer.Option(
        help="float32, bfloat16 or auto. Default: auto, bfloat16 on a GPU that supports it.",
        show_default=False)] = None,
    threads: Threads = None,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="Folder of the run. Default: runs/search-STRATEGY-DATA-SEED.",
        show_default=False)] = None,
    name: Annotated[str | None, typer.Option(
        help="Name of the found cell. Default: STRATEGY_DATA_SEED.",
        show_default=False)] = None,
    replace: Annotated[bool, typer.Option(
        "--replace", help="Replace your cell of that name.")] = False,
) -> None:
    """Search for a cell and register it in your zoo.

    Without arguments: DARTS, first order, on scikit-learn's digits; about two minutes on two
    cores.  `search resume` continues an interrupted run.

    \b
    Example:
      search run
      search run --order 2 --seed 1
      search run --space recurrent
      search run --data cifar10 --path ~/cifar10 --preset paper
      search run --config my_search.yaml --set weight_decay=1e-4
      search run --strategy evolution --limit 'bytes<=200kB' --limit multiply-adds
      search run --strategy evolution --table nb201.csv --look-at valid_12 --judge-by test_200
    """
    if table is not None:
        _refuse_with_table(context)
        _against_table(table, strategy, look_at, judge_by, seed, seeds, budget, assignments or [],
                       limits or [], output, workers)
        return
    for option, value in (("look-at", look_at), ("judge-by", judge_by), ("seeds", seeds)):
        if value is not None:
            raise ValueError(f"--{option} applies only to a search against a table; add --table, "
                             f"or leave --{option} out")
    from zoo.data.downloads import check_download
    from zoo.recipes.config_file import read_assignments

    check_download(space, data, path)  # fail before torch's slow import

    from search import build
    from search import runner as runs
    from search.config import SearchOptions, plan
    from search.strategies import DEFAULT, entry
    from zoo.system import distributed
    from zoo.system.device import pick_device

    options = SearchOptions(
        strategy=strategy, space=space, data=data, path=path, size=size, by=by, preset=preset,
        seed=seed, device=device, precision=precision, threads=threads, budget=budget, name=name,
        replace=replace, early_stop=early_stop, operations=operations, limits=limits,
        profile=profile, changes={
            "order": order, "select": select, "epochs": epochs, "candidates": candidates,
            "warm_start": warm_start, "channels": channels, "layers": layers, "hidden": hidden,
            "batch_size": batch_size, "learning_rate": learning_rate,
            "alpha_learning_rate": alpha_learning_rate, "latency_weight": latency_weight},
        given=read_assignments(assignments or []))
    if config is not None:
        options = options.over_file(config)
    if threads is not None and not entry(options.strategy or DEFAULT).shares_weights:
        raise ValueError(f"{options.strategy} trains --workers candidates at a time, with one "
                         "thread each; leave --threads out")
    learned = None

    def prepare() -> Path:
        nonlocal learned
        planned, learned = plan(options)
        planned = dataclasses.replace(planned, epochs=build.rehearse(planned, learned, workers))
        folder = output or _free_folder(planned)
        started.append(folder)
        runs.start(folder, planned)
        return folder

    started: list[Path] = []
    with interrupts.resumable(lambda: _remedy(*started)), \
            distributed.group(pick_device(options.device or "auto")):
        _execute(distributed.first(prepare), learned, workers, early_stop)


@app.command()
def resume(folder: RunFolder, workers: Workers = "auto", early_stop: EarlyStop = False) -> None:
    """Resume an interrupted run; it ends with the same bytes as an uninterrupted one.

    \b
    Example:
      search resume runs/search-darts-digits-0
    """
    from search.tables.folder import is_table_run

    if is_table_run(folder):
        if early_stop:
            raise ValueError("--early-stop does not apply to a search against a table; leave it "
                             "out")
        _execute_table(folder, None, workers)
        return
    _execute(folder, None, workers, early_stop)


def _execute(folder: Path, data: Any, workers: str, early_stop: bool) -> None:
    from search import runner as runs
    from search.reporting.front import FRONT
    from search.reporting.history import read_run
    from search.reporting.terminal import display
    from zoo.system import distributed

    with interrupts.resumable(lambda: _remedy(folder)), \
            display(shown=distributed.is_main_process()) as screen:
        screen.say(f"{read_run(folder).strategy} in {folder}")
        screen.say(f"watch: {command('zoo', 'demo', folder)}")
        found = runs.run(folder, data, workers, early_stop, screen.report, screen.on_event)
    if not distributed.is_main_process():
        return
    config = found.run.config
    words = ["zoo", "train", found.name, "--data", config["data"]]
    for name in ("path", "size", "by"):
        if config.get(name):
            words += [f"--{name}", str(config[name])]
    words += ["-o", folder / "trained"]
    typer.echo(f"{found.name} (epoch {found.epoch}, {found.why})\n{found.genotype}\n"
               f"run: {folder}, report: {folder / 'report.html'}\n"
               f"watch: {command('zoo', 'demo', folder)}\n"
               + (f"front: {folder / FRONT}, see `{command('search', 'show', folder)}`\n"
                  if found.run.objectives else "") +
               f"next: {command(*words)}\n"
               f"      {command('zoo', 'build', found.name, '--export', 'tfjs')}")


def _refuse_with_table(context: typer.Context) -> None:
    """Raise ValueError for the first option that does not apply to a search against a table."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name not in _WITH_TABLE and source and source.name == "COMMANDLINE":
            raise ValueError(f"{parameter.opts[0]} does not apply to a search against a table, "
                             "which trains nothing; leave it out")


def _against_table(table: Path, strategy: str | None, look_at: str | None, judge_by: str | None,
                   seed: int | None, seeds: int | None, budget: int | None,
                   assignments: list[str], limits: list[str], output: Path | None,
                   workers: str) -> None:
    from search.tables.config import TableOptions, plan
    from search.tables.run import start
    from search.workers import parse
    from zoo.recipes.config_file import read_assignments

    parse(workers, lambda: 1)  # an invalid value leaves no folder behind
    config, truth = plan(TableOptions(table, strategy, look_at, judge_by, seed, seeds, budget,
                                      read_assignments(assignments), limits))
    folder = output or _free(f"search-{config.strategy}-{table.stem}", "summary.json")
    start(folder, config)
    for line in truth.table.notes:
        typer.echo(f"note: {notes.printable(f'{table}: {line}')}", err=True)
    _execute_table(folder, truth, workers)


def _execute_table(folder: Path, truth: Any, workers: str) -> None:
    from search.reporting.table_text import read_summary, tell
    from search.tables.run import run
    from zoo.commands.progress import steps

    with interrupts.resumable(lambda: _remedy(folder)):
        with steps("seeds") as report:
            run(folder, truth, report, workers)
        tell(folder, read_summary(folder) or {})


def _remedy(folder: Path | None = None) -> str:
    """How to continue after an interrupt: resume, or repeat the command if no run exists yet."""
    from search.reporting.history import CONFIG

    started = folder is not None and (folder / CONFIG).exists()
    return f"continue with `{command('search', 'resume', folder) if started else typed()}`"


def _free_folder(config: RunConfig) -> Path:
    """runs/search-..., numbered if an earlier run has that name."""
    return _free(f"search-{config.label}-{config.data}-{config.seed}", "result.json")


def _free(base: str, result: str) -> Path:
    """The folder runs/`base`, numbered if an earlier run has that name; prints how to continue an
    earlier run that has no `result` file."""
    folder, number = Path("runs") / base, 1
    while folder.exists():
        if not (folder / result).exists() and (folder / "config.json").exists():
            resumed = command("search", "resume", folder)
            typer.echo(f"note: {folder} is unfinished; `{resumed}` continues it", err=True)
        number += 1
        folder = Path("runs") / f"{base}-{number}"
    return folder


app.command("list")(list_runs)
app.command()(show)
app.command()(plot)
app.command()(compare)


def main() -> None:
    """The console command `search`."""
    interrupts.run(lambda: app(prog_name="search"))


if __name__ == "__main__":
    main()
