"""`zoo train`: from a cell to an artifact folder with weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cell_file import read_cell, shown_name
from zoo.commands.options import (
    DATA_HELP,
    By,
    Files,
    Size,
    measured,
    refuse,
)
from zoo.commands.select_option import Select
from zoo.commands.settings_options import Assignments, Config, Threads

if TYPE_CHECKING:
    from zoo.genotypes.serialization import Genotype
    from zoo.training.options import TrainOptions


def train(
    name: Annotated[str | None, typer.Argument(
        help="A cell (see `zoo list`) or a genotype file; optional with --config.",
        show_default=False)] = None,
    data: Annotated[str | None, typer.Option(
        "--data", help=f"{DATA_HELP}. For a recurrent cell: sample, ptb, wikitext2 or a "
                       "text file. Default: digits; sample for a recurrent cell.")] = None,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="Output folder. Default: runs/NAME-DATA.")] = None,
    preset: Annotated[str | None, typer.Option(
        help="Recipe: paper (as published), fast (a short modern schedule) or small (for CPUs and "
             "pages). digits has small only, imagenet has no small. Default: small for digits, "
             "folder, sample and your own text, else paper.")] = None,
    network: Annotated[str | None, typer.Option(
        help="cifar, imagenet or language. Default: that of the data; language for a recurrent "
             "cell.")] = None,
    path: Files = None,
    size: Size = None,
    by: By = None,
    weights: Annotated[str | None, typer.Option(
        help="Pretrained weights to start from: cifar10 or digits (shipped), a checkpoint, a "
             ".safetensors file or an artifact folder; the number of classes may differ.")] = None,
    epochs: Annotated[int | None, typer.Option(
        help="Number of epochs. Default: the recipe's.")] = None,
    hidden: Annotated[int | None, typer.Option(help="Hidden size of a recurrent cell.")] = None,
    channels: Annotated[int | None, typer.Option(help="Channels C of the first cell.")] = None,
    layers: Annotated[int | None, typer.Option(help="Number of cells.")] = None,
    batch_size: Annotated[int | None, typer.Option(
        help="Images per step, or parallel token streams of a text.")] = None,
    learning_rate: Annotated[float | None, typer.Option(
        help="Initial learning rate; the peak with a warm-up.")] = None,
    validation: Annotated[float | None, typer.Option(
        help="Training images to hold out, a number or a fraction such as 0.1; the best epoch on "
             "them is kept.")] = None,
    seed: Annotated[int | None, typer.Option(
        help="Random seed of initialization, order and augmentation. Default: 0.")] = None,
    config: Config = None,
    assignments: Assignments = None,
    device: Annotated[str | None, typer.Option(
        help="auto, cpu, cuda, cuda:N or mps. Default: auto.", show_default=False)] = None,
    precision: Annotated[str | None, typer.Option(
        help="float32, bfloat16 or auto, that of the recipe: float32 in paper, else bfloat16 on a "
             "GPU that supports it. Default: auto.", show_default=False)] = None,
    threads: Threads = None,
    resume: Annotated[bool, typer.Option(
        "--resume", help="Resume an interrupted run after its last completed epoch.")] = False,
    select: Select = None,
) -> None:
    """Train the network of a cell; the folder can then be evaluated, built and exported.

    A recipe gives the defaults; --config and --set change any setting of it, options override
    both. The folder keeps all settings in config.json, which --config reads. The test set is
    evaluated once, at the end. TensorBoard events are written to tb/ in the folder. On several
    GPUs: torchrun --nproc-per-node N -m zoo train ...

    \b
    Example:
      zoo train DARTS --data digits -o runs/DARTS-digits
      zoo train DARTS_V2 --data cifar10 --preset small
      zoo train DARTS_V2 --data folder --path my_images --size 32 --weights cifar10
      zoo train DARTS_V2_RNN --data wikitext2 --preset fast
      zoo train ENAS_RNN --data my_text.txt --by char
      zoo train DARTS --config my_recipe.yaml --set ema_decay=0.999
    """
    from zoo.commands import progress
    from zoo.data.downloads import check_download
    from zoo.recipes.config_file import read_assignments
    from zoo.training.options import TrainOptions

    options = TrainOptions(
        cell=name, data=data, path=path, size=size, by=by, preset=preset, network=network,
        weights=weights, seed=seed, threads=threads,
        precision=precision, device=device, given=read_assignments(assignments or []),
        changes={"epochs": epochs, "hidden": hidden, "channels": channels, "layers": layers,
                 "batch_size": batch_size, "learning_rate": learning_rate,
                 "validation": (int(validation) if validation and validation.is_integer()
                                else validation)})
    if config is not None:
        options = options.over_file(config)
    cell, genotype = _cell(options, select)
    # Before importing torch, which takes seconds.
    check_download(genotype.kind, options.data, options.path)

    from zoo.system import distributed
    from zoo.system.device import pick_device, pick_precision
    from zoo.system.threads import check_threads
    from zoo.training.modalities import modality

    check_threads(options.threads)
    kind = modality(cell, genotype, options.network)
    given = vars(options) | options.changes
    refuse(kind.others, **{setting: given[setting] for setting in kind.foreign})
    if options.preset and not resume:  # rejects an unknown preset before loading data
        kind.recipe(options.data or kind.data, options.preset)
    folder = output or Path("runs") / f"{cell}-{Path(options.data or kind.data).stem}"
    if resume:
        options = kind.resumed(options, folder)
    loaded = kind.load(options)
    kind.check_same_data(loaded, options)
    recipe = kind.resolve(loaded, options)
    device = options.device or "auto"
    place = pick_device(device)
    precision = options.precision or "auto"
    writes = distributed.is_main_process()
    dtype = pick_precision(precision, place, recipe.precision)
    kind.check_fits(genotype, loaded, recipe, place, dtype)
    if writes:
        progress.announce(f"{cell} on {kind.describe(loaded, recipe)}", place, dtype, resume)
    with progress.training(folder, kind.per_step(recipe), kind.unit, writes) as report:
        manifest = kind.train(cell, loaded, recipe, folder, genotype, options, device=device,
                              precision=precision, threads=options.threads, resume=resume,
                              report=report, events=True)
    if writes:
        typer.echo(f"{folder}: {measured(manifest.metrics)}, {manifest.parameters:,} parameters")


def _cell(options: TrainOptions, select: str | None) -> tuple[str, Genotype]:
    """The cell's name in folders and manifests, and its genotype.

    A settings file includes the genotype, for cells that are not registered.
    """
    from zoo.genotypes.reader import parse
    from zoo.registry import registered

    if options.cell is None:
        raise ValueError("give a cell, as in `zoo train DARTS`, or a --config that names one")
    if select is None and options.genotype is not None and not registered(options.cell):
        return options.cell, parse(options.genotype)
    record = read_cell(options.cell, select)
    return shown_name(options.cell, record), record.genotype
