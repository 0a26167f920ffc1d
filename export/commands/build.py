"""`zoo build`: exports a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export.commands.results import agreement_line, parity_cells
from export.formats.base import CONVERTERS, FORMATS, PRECISIONS
from export.runtimes.base import ALL
from zoo.commands.progress import spinner
from zoo.commands.select_option import Select
from zoo.commands.table import print_table
from zoo.messages.command_line import command
from zoo.messages.spelling import either

if TYPE_CHECKING:
    from export.checks.parity import Hop
    from zoo.artifact.manifest import Manifest

# Annotations are evaluated when a command is called: its help lists the tables' current entries.


def _precisions() -> str:
    """The precisions, each with its formats unless all formats support it."""
    def shown(name: str) -> str:
        supported = [each.title for each in FORMATS.values() if name in each.precisions]
        return name if len(supported) == len(FORMATS) else f"{name} ({', '.join(supported)})"

    return either(map(shown, PRECISIONS))


def build(
    target: Annotated[str, typer.Argument(
        help="A cell, a genotype file, an artifact folder or its .zip, "
             "hf://USER/NAME[@REVISION] on the Hugging Face Hub, or an .onnx or .pt2 file.")],
    export: Annotated[list[str], typer.Option(
        "--export", "-e", help=f"Formats: {', '.join(FORMATS)}; repeat, or separate by commas.")],
    output: Annotated[Path | None, typer.Option(
        "--output", "-o", help="Output folder. Default: exports/NAME-DATA.")] = None,
    precision: Annotated[str, typer.Option(
        help=f"Precision of the weights: {_precisions()}.")] = "float32",
    converter: Annotated[str, typer.Option(
        help=f"Converter from ONNX to TensorFlow: {' or '.join(CONVERTERS)}.")] = "zoo",
    data: Annotated[str | None, typer.Option(
        help="digits, cifar10, cifar100 or imagenet: input size, labels, shipped weights.")] = None,
    path: Annotated[Path | None, typer.Option(
        help="Folder of the data set, for parity checks on real images.")] = None,
    network: Annotated[str | None, typer.Option(help="cifar, imagenet or language.")] = None,
    weights: Annotated[str | None, typer.Option(
        help="A checkpoint, a .safetensors file, an artifact folder, or the data set of shipped "
             "weights.")] = None,
    channels: Annotated[int | None, typer.Option(help="Channels of the first cell.")] = None,
    layers: Annotated[int | None, typer.Option(help="Number of cells.")] = None,
    num_classes: Annotated[int | None, typer.Option(help="Number of classes.")] = None,
    in_channels: Annotated[int | None, typer.Option(
        help="Input channels: 1 for grayscale, 3 for RGB.")] = None,
    size: Annotated[int | None, typer.Option(help="Height and width of the images.")] = None,
    vocabulary: Annotated[int | None, typer.Option(
        help="Vocabulary size of a language model.")] = None,
    hidden: Annotated[int | None, typer.Option(help="Hidden size of a language model.")] = None,
    seed: Annotated[int, typer.Option(help="Random seed of untrained weights.")] = 0,
    select: Select = None,
    input_shape: Annotated[list[str] | None, typer.Option(
        help="Input shape of an .onnx or .pt2 file with open sizes: NAME=1,3,224,224; "
             "repeat.")] = None,
    replace: Annotated[bool, typer.Option(
        "--replace", help="Replace what the folder holds instead of adding to it.")] = False,
    inspect: Annotated[bool, typer.Option(
        "--inspect", help="Add a graph for looking inside the cells on the page, about the size "
                          "of the tfjs one.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v",
                                          help="Show the converters' logs.")] = False,
) -> None:
    """Export a network, with a numerical parity check at every hop.

    A folder that already holds this network gets the new formats added; the history of its
    training is kept.

    \b
    Example:
      zoo build DARTS --export tfjs
      zoo build my_cell.json -e onnx,tflite --channels 16 --layers 8
      zoo build exports/DARTS-digits -e tfjs --precision float16 -o small
      zoo build model.onnx -e tfjs,tflite --input-shape images=1,3,224,224
      zoo build model.pt2 -e tfjs,tflite,onnx
      zoo build hf://USER/NAME@v1 -e tfjs
    """
    from export import inspection
    from export.pipeline import build as run
    from export.sources.find import find
    from export.sources.options import BuildOptions
    from web_demo.artifacts import not_shown
    from web_demo.runtimes import is_read
    from zoo.artifact.folder import HISTORY

    source = find(target, BuildOptions(
        network=network, data=data, path=path, weights=weights, channels=channels, layers=layers,
        num_classes=num_classes, in_channels=in_channels, size=size, vocabulary=vocabulary,
        hidden=hidden, seed=seed, select=select,
        input_shape=tuple(input_shape) if input_shape else None))
    directory = output or Path("exports") / source.manifest.name
    formats = [name.strip() for item in export for name in item.split(",") if name.strip()]
    if not source.manifest.trained:
        typer.echo(f"note: no trained weights for {source.manifest.name} in this configuration; "
                   "it is built untrained", err=True)
    finished: list[Hop] = []
    with spinner() as say:
        manifest = run(source, formats, directory, precision, converter, verbose,
                       report=finished.append, started=lambda hop: say(f"{hop} ..."),
                       replace=replace, inspect=inspect)
    for note in manifest.notes:
        typer.echo(f"note: {note}", err=True)
    print_table(
        ("hop", "seconds", "max difference", "limit"),
        [(hop.name, f"{hop.seconds:.1f}", *parity_cells(hop)) for hop in finished],
        right=("seconds", "max difference", "limit"))
    if unit := _unit(manifest):
        typer.echo(unit)
    for entry in manifest.agreement:
        typer.echo(agreement_line(entry))
    if manifest.precision not in (None, "float32") and not manifest.agreement:
        typer.echo(_unmeasured(manifest))
    megabytes = sum(file.bytes for file in manifest.files.values()) / 1e6
    typer.echo(f"\n{directory}: {len(manifest.files) + 1} files, {megabytes:.1f} MB")
    stays = [name for name, each in FORMATS.items()
             if name not in formats and (directory / each.place).exists()]
    if not inspect and any(name.startswith(f"{inspection.FOLDER}/") for name in manifest.files):
        stays.append("the graph of --inspect")
    stays += ["the history of its training"] * (HISTORY in manifest.files)
    if stays:
        typer.echo(f"kept: {', '.join(stays)}")
    if any(map(is_read, manifest.files)):
        typer.echo("next: " + (command("zoo", "verify", directory, "--runtime", ALL)
                               if not_shown(manifest.model_dump(mode="json"))
                               else command("zoo", "demo", directory)))


def _unit(manifest: Manifest) -> str:
    """A line on the unit of a build's differences."""
    entry = next((each for each in manifest.parity if each.outputs), None)
    if entry is None:
        return ""
    if entry.relative:
        return "differences are relative to the scale of each output"
    return f"differences are of logits on a scale of {entry.outputs['logits'].scale:.3g}"


def _unmeasured(manifest: Manifest) -> str:
    """A line on rounded weights whose agreement is not measured, with the reason."""
    if manifest.task == "language-model-step":
        why = "a language model has no test images"
    elif manifest.task == "tensors":
        why = "its outputs are not classes of images"
    elif manifest.input.data is None:
        why = "the data set of its images is unknown"
    else:
        why = f"give the test images of {manifest.input.data} with --path"
    return f"{manifest.precision} weights: agreement with float32 is not measured; {why}"
