"""`zoo build`, `verify`, `bench`, `doctor`: from a cell to files that run elsewhere, with proof."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.commands.progress import spinner
from zoo.commands.table import print_table


def build(
    target: Annotated[str, typer.Argument(
        help="A registered cell, a genotype file, or an artifact folder.")],
    export: Annotated[list[str], typer.Option(
        "--export", "-e", help="onnx, savedmodel, tflite, tfjs; repeat or list with commas.")],
    output: Annotated[Path | None, typer.Option(
        "--output", "-o", help="Folder to write; default exports/NAME-DATA.")] = None,
    precision: Annotated[str, typer.Option(
        help="Of the TF.js weights: float32, float16 or uint8.")] = "float32",
    converter: Annotated[str, typer.Option(
        help="ONNX to TensorFlow: zoo (ours) or onnx-tf (the package).")] = "zoo",
    data: Annotated[str | None, typer.Option(
        help="digits, cifar10, cifar100 or imagenet: sizes, labels, shipped weights.")] = None,
    path: Annotated[Path | None, typer.Option(
        help="Where the data set lies, to prove parity on real images.")] = None,
    network: Annotated[str | None, typer.Option(help="cifar, imagenet or language.")] = None,
    weights: Annotated[str | None, typer.Option(
        help="A safetensors file, an artifact, or the data set of shipped weights.")] = None,
    channels: Annotated[int | None, typer.Option(help="Width of the first cell.")] = None,
    layers: Annotated[int | None, typer.Option(help="Number of cells.")] = None,
    num_classes: Annotated[int | None, typer.Option(help="Number of classes.")] = None,
    in_channels: Annotated[int | None, typer.Option(help="1 for grey, 3 for colour.")] = None,
    size: Annotated[int | None, typer.Option(help="Height and width of the images.")] = None,
    vocabulary: Annotated[int | None, typer.Option(help="Words of a language model.")] = None,
    hidden: Annotated[int | None, typer.Option(help="Width of a language model.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random weights, where none are trained.")] = 0,
    verbose: Annotated[bool, typer.Option("--verbose", "-v",
                                          help="Show the converters' logs.")] = False,
) -> None:
    """Export a network, and prove at every hop that its numbers did not change.

    \b
    Example:
      zoo build DARTS --export tfjs
      zoo build my_cell.json -e onnx,tflite --channels 16 --layers 8
      zoo build exports/DARTS-digits -e tfjs --precision float16 -o small
    """
    from export.pipeline import Hop
    from export.pipeline import build as run
    from export.source import BuildOptions, find

    source = find(target, BuildOptions(
        network=network, data=data, path=path, weights=weights, channels=channels, layers=layers,
        num_classes=num_classes, in_channels=in_channels, size=size, vocabulary=vocabulary,
        hidden=hidden, seed=seed))
    directory = output or Path("exports") / source.manifest.name
    for place in (target, weights):
        if output is None and place and directory.resolve() == Path(place).resolve():
            raise ValueError(f"{place} would be replaced, with all its formats; choose another "
                             f"folder with -o, or replace it with -o {place}")
    formats = [name.strip() for item in export for name in item.split(",") if name.strip()]
    if not source.manifest.trained:
        typer.echo(f"note: no trained weights for {source.manifest.name} in this configuration; "
                   "it is built untrained", err=True)
    done: list[Hop] = []
    with spinner() as say:
        manifest = run(source, formats, directory, precision, converter, verbose,
                       report=done.append, started=lambda hop: say(f"{hop} ..."))
    print_table(
        ("hop", "seconds", "max difference", "limit"),
        [(hop.name, f"{hop.seconds:.1f}", *_proof(hop.difference, hop.limit)) for hop in done],
        right=("seconds", "max difference", "limit"))
    for entry in manifest.agreement:
        typer.echo(_agreement(entry))
    megabytes = sum(file.bytes for file in manifest.files.values()) / 1e6
    typer.echo(f"\n{directory}: {len(manifest.files) + 1} files, {megabytes:.1f} MB")
    if (directory / "tfjs").is_dir() and (manifest.task == "image-classification"
                                          or "vocabulary.json" in manifest.files):
        typer.echo(f"next: zoo demo {directory}")


def _proof(difference: float | None, limit: float | None) -> tuple[str, str]:
    return ("", "") if difference is None else (f"{difference:.1e}", f"{limit:.1e}")


def _agreement(entry) -> str:
    size, whole = entry.bytes / 1e6, entry.float32_bytes / 1e6
    return (f"{entry.precision} weights ({size:.2f} MB, {whole:.2f} MB in float32), "
            f"{entry.where}: {entry.share:.2%} of {entry.images:,} test images of {entry.data} "
            "get the answer of float32")


def verify(
    directory: Annotated[Path, typer.Argument(help="An artifact folder.", show_default=False)],
    runtime: Annotated[list[str] | None, typer.Option(
        help="Run the TF.js files in chromium or node too; repeat for both.")] = None,
    backend: Annotated[list[str] | None, typer.Option(
        help="wasm, webgl, webgpu or cpu; repeat. Default: all that the runtime has.")] = None,
    images: Annotated[int | None, typer.Option(
        help="Classify so many test images in chromium and compare with float32.")] = None,
    data: Annotated[str | None, typer.Option(
        help="Data set of --images; the artifact's own when left out.")] = None,
    path: Annotated[Path | None, typer.Option(help="Where that data set lies.")] = None,
    keep: Annotated[bool, typer.Option(
        "--record", help="Write what --images found into manifest.json and README.md.")] = False,
) -> None:
    """Check an artifact: every file's sha256, every format's numbers, and real runtimes.

    \b
    Example:
      zoo verify exports/DARTS-digits --runtime chromium
      zoo verify exports/DARTS-digits --runtime chromium --backend wasm --images 300 --record
    """
    if images is None and (data or path or keep):
        given = "--data" if data else "--path" if path else "--record"
        raise ValueError(f"{given} goes with --images, the number of test images to classify")
    if images is not None and "chromium" not in (runtime or []):
        raise ValueError("--images are classified in a browser; add --runtime chromium")
    from export.checks import agreement
    from export.checks.verify import formats_of, in_runtime
    from zoo.artifact.folder import refuse_here

    if keep:
        refuse_here(directory)
    if backend and not runtime:
        raise ValueError("--backend is of a runtime; add --runtime chromium or node")
    with spinner() as say:
        rows = formats_of(directory, started=lambda hop: say(f"{hop} ..."))
        for name in runtime or []:
            say(f"{name} ...")
            rows += in_runtime(directory, name, backend)
        found = []
        if images is not None:
            say(f"{images} images in chromium ...")
            found = agreement.in_chromium(directory, images, data, path, backend)
    print_table(("where", "max difference", "limit", "verdict"),
                [(row.where, *_proof(row.difference, row.limit), row.verdict) for row in rows],
                right=("max difference", "limit"))
    for entry in found:
        typer.echo(_agreement(entry))
    failed = [row.where for row in rows if row.failed]
    if failed:
        typer.echo(f"error: {directory}: {', '.join(failed)} did not agree", err=True)
        raise typer.Exit(1)
    if keep:
        agreement.record(directory, found)
    typer.echo(f"{directory}: the files are those that were written, and they agree")


def bench(
    cells: Annotated[list[str], typer.Argument(help="Registered cells.", show_default=False)],
    channels: Annotated[int, typer.Option(help="Width of the first cell.")] = 16,
    layers: Annotated[int, typer.Option(help="Number of cells.")] = 8,
    size: Annotated[int, typer.Option(help="Height and width of the images.")] = 32,
    threads: Annotated[int, typer.Option(help="CPU threads of both runtimes.")] = 1,
    runs: Annotated[int, typer.Option(help="Timed runs; the median counts.")] = 20,
) -> None:
    """Compare the networks of cells: cost, and latency of one image in PyTorch and ONNX Runtime.

    \b
    Example:
      zoo bench DARTS NASNet AmoebaNet
    """
    from export.checks.bench import measure

    rows = []
    with spinner() as say:
        for cell in cells:
            say(f"{cell} ...")
            rows.append(measure(cell, channels, layers, size, threads, runs))
    print_table(
        ("cell", "parameters", "multiply-adds", "PyTorch ms", "ONNX Runtime ms", "speed-up"),
        [(row.cell, f"{row.parameters:,}", f"{row.multiply_adds:,}", f"{row.pytorch_ms:.2f}",
          f"{row.onnx_ms:.2f}", f"{row.pytorch_ms / row.onnx_ms:.1f}x") for row in rows],
        right=("parameters", "multiply-adds", "PyTorch ms", "ONNX Runtime ms", "speed-up"))


def doctor() -> None:
    """Say for each hop whether it can run here, and if not, why and what to do.

    \b
    Example:
      zoo doctor
    """
    from export.checks.doctor import checks

    rows = checks()
    print_table(("hop", "can run", "found or missing"),
                [(row.hop, "yes" if row.ok else "no", row.detail) for row in rows])
    if not all(row.ok for row in rows):
        typer.echo("\nWhat cannot run is needed only for the commands that use it.")
