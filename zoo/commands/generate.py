"""`zoo generate`: text from a trained language model."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from zoo.cell_file import read_cell
from zoo.commands.options import Device
from zoo.hub.address import is_address


def generate(
    source: Annotated[str, typer.Argument(
        help="The folder of a trained language model, or hf://USER/NAME on the Hugging Face Hub; "
             "or a cell with --weights.")],
    prompt: Annotated[str, typer.Option(help="Beginning of the text.")] = "",
    count: Annotated[int, typer.Option("-n", "--count", help="Tokens to generate.")] = 500,
    temperature: Annotated[float, typer.Option(
        help="0: the most probable token; 1: samples from the model's distribution.")] = 0.8,
    seed: Annotated[int, typer.Option(
        help="Random seed of sampling; the same seed gives the same text.")] = 0,
    weights: Annotated[str | None, typer.Option(
        help="Shipped weights of the cell: shakespeare, wikitext2.")] = None,
    device: Device = "cpu",
) -> None:
    """Generate text from a trained language model, token by token.

    \b
    Example:
      zoo generate runs/DARTS_V2_RNN-sample --prompt "ROMEO:"
      zoo generate DARTS_V2_RNN --weights shakespeare --temperature 0
    """
    from zoo.checkpoints.file import file_content, loaded
    from zoo.create import create_model
    from zoo.generation import tokens
    from zoo.models.recurrent import LanguageModel
    from zoo.system.device import pick_device
    from zoo.weights import names_data

    if weights is None and not is_address(source) and not Path(source).exists():
        raise ValueError(f"there is no folder {source}; train one with `zoo train`, or give "
                         "shipped weights with --weights")
    if weights is not None and not names_data(weights) and not Path(weights).is_dir():
        loaded(file_content(Path(weights)), weights)  # reports files that are not weights
        raise ValueError(f"{weights} is a weights file without a vocabulary; give the folder of a "
                         "trained language model, or shipped weights")
    model: object = source
    if weights is not None:
        cell = read_cell(source)
        model = create_model(cell.genotype if cell.origin == "file" else cell.name, "language",
                             weights=weights)
    assert isinstance(model, (str, LanguageModel))
    generated = tokens(model, prompt, count, temperature, seed, pick_device(device))
    began, written = time.perf_counter(), 0
    typer.echo(prompt, nl=False)
    for token in generated:
        typer.echo(token, nl=False)
        sys.stdout.flush()
        written += 1
    typer.echo()
    seconds = time.perf_counter() - began
    typer.echo(f"{written} tokens, {written / seconds:,.0f} per second", err=True)
