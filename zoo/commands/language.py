"""Language models on the command line: how `zoo train` and `zoo eval` treat recurrent cells, and
`zoo write`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from zoo.commands.training import Device


def train(name: str, genotype, *, data: str | None, by: str | None, output: Path | None,
          preset: str | None, path: Path | None, seed: int | None, device: str, precision: str,
          resume: bool, changes: dict) -> None:
    """`zoo train` for a recurrent cell; `changes` are recipe settings, None where not given."""
    from zoo import distributed, run_folder, train_language
    from zoo.commands import progress
    from zoo.device import pick_device, pick_precision
    from zoo.language_recipe import LanguageRecipe, language_recipe
    from zoo.text import named_text

    if preset:  # an unknown one is refused before a text is read
        language_recipe(data or "sample", preset)
    folder = output or Path("runs") / f"{name}-{Path(data).stem if data else 'sample'}"
    if resume:  # what is not said is as it was
        run = run_folder.read_config(folder, LanguageRecipe)
        text = _again(data, run["data"], folder, path, by or run.get("by"))
        recipe = (language_recipe(text.name, preset) if preset
                  else LanguageRecipe(**run["recipe"]))
        seed = run["seed"] if seed is None else seed
        precision = run["precision"] if precision == "auto" else precision
    else:
        text = named_text(data or "sample", path, by)
        recipe = language_recipe(text.name, preset)
    recipe = recipe.but(**changes)
    place = pick_device(device)
    kind = pick_precision(precision, place, recipe.precision)
    speaks = distributed.rank() == 0
    if speaks:
        progress.announce(f"{name} on {text.name}: {len(text.train):,} {text.by}s, "
                          f"{text.vocabulary_size:,} different ones, {recipe.epochs} epochs",
                          place, kind, resume)
    with progress.training(folder, 1, "tokens", speaks=speaks) as report:
        manifest = train_language.train(
            name, text, recipe, folder, genotype=genotype, seed=seed or 0, device=device,
            precision=precision, resume=resume, report=report, events=True)
    if speaks:
        typer.echo(f"{folder}: {_measured(manifest.metrics)}, {manifest.parameters:,} parameters")


def evaluate(directory: Path, manifest, model, *, data: str | None, path: Path | None,
             by: str | None, device: str, as_json: bool) -> None:
    """`zoo eval` for an artifact whose network is a language model."""
    from zoo.artifact import read_vocabulary
    from zoo.device import pick_device
    from zoo.language_loss import measures

    given, data = data, data or manifest.input.data
    vocabulary = read_vocabulary(directory, manifest)
    if data is None or vocabulary is None:
        raise ValueError(f"{directory} was not made by `zoo train`: it does not say which tokens "
                         "it knows")
    text = _again(given, data, directory, path, by or manifest.input.unit)
    if text.vocabulary != vocabulary:
        raise ValueError(f"{text.name} has other {text.by}s than {directory} has learned; give "
                         "the text of its training with --data and --path")
    model.to(pick_device(device))
    found = {"data": text.name, "tokens": len(text.test),
             **measures(model, text, manifest.metrics.get("test_columns", 10))}
    if as_json:
        typer.echo(json.dumps({"name": manifest.name, "trained": manifest.trained, **found}))
        return
    if not manifest.trained:
        typer.echo("this network is untrained: its weights are random")
    typer.echo(f"{manifest.name}: {_measured(found)}")


def _again(given: str | None, known: str, folder: Path, path: Path | None, by: str | None):
    """The text of an earlier training: as `given`, else by the name under which it is known."""
    from zoo.text import TEXT_NAMES, named_text

    if given is None and known not in TEXT_NAMES:
        raise ValueError(f"{folder} learned from a file that it calls {known}; name that file "
                         "again with --data")
    return named_text(given or known, path, by)


def write(
    source: Annotated[str, typer.Argument(
        help="The folder of a trained language model, or a cell with --weights.")],
    prompt: Annotated[str, typer.Option(help="What the text begins with.")] = "",
    count: Annotated[int, typer.Option("-n", "--count", help="Tokens to write.")] = 500,
    temperature: Annotated[float, typer.Option(
        help="0 takes the likeliest token, 1 draws by the model's probabilities.")] = 0.8,
    seed: Annotated[int, typer.Option(help="Of the draws; the same text for the same seed.")] = 0,
    weights: Annotated[str | None, typer.Option(
        help="Shipped weights of the cell: shakespeare, wikitext2.")] = None,
    device: Device = "cpu",
) -> None:
    """Let a trained language model write on, one token after the other.

    \b
    Example:
      zoo write runs/DARTS_V2_RNN-sample --prompt "ROMEO:"
      zoo write DARTS_V2_RNN --weights shakespeare --temperature 0
    """
    from zoo.create import create_model
    from zoo.device import pick_device
    from zoo.writing import tokens

    if weights is None and not Path(source).is_dir():
        raise ValueError(f"there is no folder {source}; train one with `zoo train`, or name "
                         "shipped weights with --weights")
    model = source if weights is None else create_model(source, "language", weights=weights)
    coming = tokens(model, prompt, count, temperature, seed, pick_device(device))
    began, written = time.perf_counter(), 0
    typer.echo(prompt, nl=False)
    for token in coming:
        typer.echo(token, nl=False)
        sys.stdout.flush()
        written += 1
    typer.echo()
    seconds = time.perf_counter() - began
    typer.echo(f"{written} tokens, {written / seconds:,.0f} a second", err=True)


def _measured(facts: dict) -> str:
    bits = facts.get("test_bits_per_character")
    per = f" ({bits:.3f} bits a character)" if bits else ""
    return (f"perplexity {facts['test_perplexity']:.2f}{per} on the test text, "
            f"{facts['valid_perplexity']:.2f} on the validation text")
