"""The `search` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import PLAIN, OneLineErrors

app = typer.Typer(no_args_is_help=True, cls=OneLineErrors, **PLAIN)


@app.callback()
def search() -> None:
    """Find new cells.

    \b
    Example:
      search run --candidates 8 --seed 1
    """


@app.command()
def run(
    strategy: Annotated[str, typer.Option(help="Only random so far.")] = "random",
    data: Annotated[str, typer.Option(help="digits, cifar10, cifar100.")] = "digits",
    path: Annotated[Path | None, typer.Option(help="Folder that holds the data set.")] = None,
    candidates: Annotated[int, typer.Option(help="Cells to sample and train.", min=1)] = 8,
    epochs: Annotated[int, typer.Option(help="Epochs for each.", min=1)] = 6,
    channels: Annotated[int, typer.Option(help="Width of the first cell.", min=1)] = 8,
    layers: Annotated[int, typer.Option(help="Number of cells.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Of the cells and of their training.")] = 0,
    output: Annotated[Path | None, typer.Option(
        "--output", "-o", help="Folder of the search; default runs/search-random-DATA-SEED. An "
        "interrupted search goes on there.")] = None,
    name: Annotated[str | None, typer.Option(
        help="Name of the winner in your zoo; default RANDOM_DATA_SEED.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a cell of yours.")] = False,
) -> None:
    """Sample cells, train each on the same budget, register the best one in your zoo.

    \b
    Example:
      search run
      search run --candidates 16 --epochs 10 --name MY_CELL
    """
    from search.strategies import random
    from zoo import registry
    from zoo.datasets import load
    from zoo.recipe import RECIPES

    if strategy != "random":
        raise ValueError(f"unknown strategy {strategy!r}; there is random")
    replace = replace or name is None  # an earlier winner of the same search
    name = name or f"RANDOM_{data}_{seed}"
    registry.check_free(name, replace)  # before hours of training
    images = load(data, path)
    recipe = RECIPES[data].but(epochs=epochs, channels=channels, layers=layers, drawings=0)
    folder = output or Path("runs") / f"search-random-{data}-{seed}"
    typer.echo(f"{candidates} cells, {epochs} epochs each, in {folder}", err=True)

    def report(index: int, candidate: random.Candidate) -> None:
        typer.echo(f"{index + 1:3d}/{candidates}  accuracy {candidate.accuracy:.2%}  "
                   f"{candidate.parameters:,} parameters  {candidate.seconds:.0f} s", err=True)

    best = random.search(folder, images, recipe, candidates, seed, report)[0]
    registry.register(name, best.genotype, replace=replace,
                      source=f"random search on {data}, seed {seed}, {candidates} cells")
    typer.echo(f"{name}: {best.accuracy:.2%} on held-out images\n{best.genotype}\n"
               f"next: zoo train {name} --data {data}")


def main() -> None:
    """The console command `search`."""
    app(prog_name="search")


if __name__ == "__main__":
    main()
