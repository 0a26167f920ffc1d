"""`zoo train`: from a cell to an artifact folder with weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cell_file import read_cell, shown_name
from zoo.commands.options import DATA_HELP, By, Device, Files, Size, measured, refuse, same_text


def train(
    name: Annotated[str, typer.Argument(help="A cell, see `zoo list`, or a genotype file.")],
    data: Annotated[str | None, typer.Option(
        "--data", help=f"{DATA_HELP}; digits when left out. For a recurrent cell "
                       "sample, ptb, wikitext2 or a text file; the sample when left out.")] = None,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="Folder to write; runs/NAME-DATA when left out.")] = None,
    preset: Annotated[str | None, typer.Option(
        help="Recipe: paper (as published), fast (a short modern schedule), small (for CPUs and "
             "pages). Digits have small only, imagenet has no small. Left out: small for digits, "
             "folder, sample and a text of one's own, else paper.")] = None,
    network: Annotated[str | None, typer.Option(
        help="cifar, imagenet, language; that of the data, and language for a recurrent "
             "cell.")] = None,
    path: Files = None,
    size: Size = None,
    by: By = None,
    weights: Annotated[str | None, typer.Option(
        help="Start from these: cifar10, digits (shipped), a .safetensors file or the folder of "
             "an artifact; the classifier may be for other classes.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    hidden: Annotated[int | None, typer.Option(help="Size of a recurrent cell.")] = None,
    channels: Annotated[int | None, typer.Option(help="Width C of the first cell.")] = None,
    layers: Annotated[int | None, typer.Option(help="Number of cells.")] = None,
    batch_size: Annotated[int | None, typer.Option(
        help="Images a step, or columns of a text.")] = None,
    learning_rate: Annotated[float | None, typer.Option(
        help="At the start or, after a warm-up, at the top.")] = None,
    validation: Annotated[int | None, typer.Option(
        help="Training images held out; the epoch that is best on them is kept.")] = None,
    seed: Annotated[int | None, typer.Option(
        help="Of weights, order and augmentation; 0 when left out.")] = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(
        help="auto, float32, bfloat16; auto is the recipe's: float32 in paper, else bfloat16 on a "
             "GPU that has it.")] = "auto",
    resume: Annotated[bool, typer.Option(
        "--resume", help="Go on after the last whole epoch of an interrupted run.")] = False,
) -> None:
    """Train the network of a cell; the folder can then be evaluated, built and exported.

    The recipes are in zoo/recipes/image.py; options override a preset. Test images are looked at
    once, at the end. TensorBoard events go to tb/ in the folder. On several GPUs start it with
    torchrun --nproc-per-node N -m zoo train ...

    \b
    Example:
      zoo train DARTS --data digits -o runs/DARTS-digits
      zoo train DARTS_V2 --data cifar10 --preset small
      zoo train DARTS_V2 --data folder --path my_images --size 32 --weights cifar10
      zoo train DARTS_V2_RNN --data wikitext2 --preset fast
      zoo train ENAS_RNN --data my_text.txt --by char
    """
    from zoo.commands import progress
    from zoo.data.images import load
    from zoo.recipes.image import Recipe
    from zoo.recipes.image import recipe as recipe_of
    from zoo.system import distributed
    from zoo.system.device import pick_device, pick_precision
    from zoo.training import classification as training
    from zoo.training import run_folder

    record = read_cell(name)  # an unknown name is refused before a data set is fetched
    name = shown_name(name, record)
    if record.genotype.kind == "recurrent" and network in (None, "language"):
        refuse("an image network", size=size, channels=channels, layers=layers,
               validation=validation, weights=weights)
        return _train_language(
            name, record.genotype, data=data, by=by, output=output, preset=preset, path=path,
            seed=seed, device=device, precision=precision, resume=resume, changes={
                "epochs": epochs, "hidden": hidden, "batch_size": batch_size,
                "learning_rate": learning_rate})
    if network == "language":
        raise ValueError(f"{name} is not a recurrent cell, which language models are made of; "
                         "see `zoo list --kind recurrent`")
    refuse("a language model", by=by, hidden=hidden)
    if preset and not resume:  # so is a preset
        recipe_of(data or "digits", preset)
    folder = output or Path("runs") / f"{name}-{data or 'digits'}"
    if resume:  # what is not said is as it was
        run = run_folder.read_config(folder)
        data = data or run["data"]
        recipe = recipe_of(data, preset) if preset else Recipe(**run["recipe"])
        seed = run["seed"] if seed is None else seed
        precision = run["precision"] if precision == "auto" else precision
        images = load(data, path, size)
    else:
        images = load(data or "digits", path, size)
        recipe = recipe_of(images.name, preset)
    recipe = recipe.but(network=network, epochs=epochs, channels=channels, layers=layers,
                        batch_size=batch_size, learning_rate=learning_rate, validation=validation)
    place = pick_device(device)
    kind = pick_precision(precision, place, recipe.precision)
    speaks = distributed.rank() == 0
    if speaks:
        plural = "s" * (recipe.epochs > 1)
        progress.announce(f"{name} on {images.name}: {recipe.epochs} epoch{plural}", place, kind,
                          resume)
    with progress.training(folder, recipe.batch_size, speaks=speaks) as report:
        manifest = training.train(name, images, recipe, folder, genotype=record.genotype,
                                  seed=seed or 0, weights=weights, device=device,
                                  precision=precision,
                                  resume=resume, report=report, events=True)
    if not speaks:
        return
    typer.echo(f"{folder}: {manifest.metrics['test_accuracy']:.2%} of {len(images.test.labels)} "
               f"test images, {manifest.parameters:,} parameters")


def _train_language(name: str, genotype, *, data: str | None, by: str | None, output: Path | None,
                    preset: str | None, path: Path | None, seed: int | None, device: str,
                    precision: str, resume: bool, changes: dict) -> None:
    """For a recurrent cell; `changes` are recipe settings, None where not given."""
    from zoo.commands import progress
    from zoo.data.text import named_text
    from zoo.recipes.language import LanguageRecipe, language_recipe
    from zoo.system import distributed
    from zoo.system.device import pick_device, pick_precision
    from zoo.training import language_modeling, run_folder

    if preset:  # an unknown one is refused before a text is read
        language_recipe(data or "sample", preset)
    folder = output or Path("runs") / f"{name}-{Path(data).stem if data else 'sample'}"
    if resume:  # what is not said is as it was
        run = run_folder.read_config(folder, LanguageRecipe)
        text = same_text(data, run["data"], folder, path, by or run.get("by"))
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
        manifest = language_modeling.train(
            name, text, recipe, folder, genotype=genotype, seed=seed or 0, device=device,
            precision=precision, resume=resume, report=report, events=True)
    if speaks:
        typer.echo(f"{folder}: {measured(manifest.metrics)}, {manifest.parameters:,} parameters")
