"""`zoo build`, `verify`, `bench`, `doctor`: from a cell to checked files that run elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export.formats.base import CONVERTERS, FORMATS, PRECISIONS
from export.runtimes.base import ALL, RUNTIMES, all_backends, select_runtimes
from zoo.commands.progress import spinner
from zoo.commands.select_option import Select
from zoo.commands.table import print_table
from zoo.messages.command_line import command
from zoo.messages.spelling import either
from zoo.system import json_text

if TYPE_CHECKING:
    from export.checks.bench import Measured
    from export.checks.parity import Hop
    from zoo.artifact.manifest import Agreement, Manifest

# Annotations are evaluated when a command is called: its help lists the tables' current entries.


def _runtimes() -> str:
    return either(f"{name} ({each.reads})" for name, each in RUNTIMES.items())


def _agreeing() -> list[str]:
    return [name for name, each in RUNTIMES.items() if each.agree]


def _timed() -> list[str]:
    return [name for name, each in RUNTIMES.items() if each.timed]


def _precisions() -> str:
    """The precisions, each with its formats unless all formats support it."""
    def shown(name: str) -> str:
        supported = [each.title for each in FORMATS.values() if name in each.precisions]
        return name if len(supported) == len(FORMATS) else f"{name} ({', '.join(supported)})"

    return either(map(shown, PRECISIONS))


def build(
    target: Annotated[str, typer.Argument(
        help="A cell, a genotype file, an artifact folder, or an .onnx or .pt2 file.")],
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
    """
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
                       replace=replace)
    for note in manifest.notes:
        typer.echo(f"note: {note}", err=True)
    print_table(
        ("hop", "seconds", "max difference", "limit"),
        [(hop.name, f"{hop.seconds:.1f}", *_parity(hop)) for hop in finished],
        right=("seconds", "max difference", "limit"))
    if unit := _unit(manifest):
        typer.echo(unit)
    for entry in manifest.agreement:
        typer.echo(_agreement(entry))
    if manifest.precision not in (None, "float32") and not manifest.agreement:
        typer.echo(_unmeasured(manifest))
    megabytes = sum(file.bytes for file in manifest.files.values()) / 1e6
    typer.echo(f"\n{directory}: {len(manifest.files) + 1} files, {megabytes:.1f} MB")
    stays = [name for name, each in FORMATS.items()
             if name not in formats and (directory / each.place).exists()]
    stays += ["the history of its training"] * (HISTORY in manifest.files)
    if stays:
        typer.echo(f"kept: {', '.join(stays)}")
    if any(map(is_read, manifest.files)):
        typer.echo("next: " + (command("zoo", "verify", directory, "--runtime", ALL)
                               if not_shown(manifest.model_dump(mode="json"))
                               else command("zoo", "demo", directory)))


def _parity(hop: Hop) -> tuple[str, str]:
    """Difference and limit of a hop, as table cells."""
    difference, limit = ("" if value is None else f"{value:.1e}"
                         for value in (hop.difference, hop.limit))
    return difference, limit


def _unit(manifest: Manifest) -> str:
    """A line on the unit of a build's differences."""
    entry = next((each for each in manifest.parity if each.outputs), None)
    if entry is None:
        return ""
    if entry.relative:
        return "differences are relative to the scale of each output"
    return f"differences are of logits on a scale of {entry.outputs['logits'].scale:.3g}"


def _agreement(entry: Agreement) -> str:
    size, float32 = entry.bytes / 1e6, entry.float32_bytes / 1e6
    return (f"{FORMATS[entry.format].title} in {entry.precision} ({size:.2f} MB, {float32:.2f} MB "
            f"in float32), {entry.where}: {entry.share:.2%} of {entry.images:,} test images of "
            f"{entry.data} are classified as in float32")


def _unmeasured(manifest: Manifest) -> str:
    """A line on rounded weights whose agreement is not measured, with the reason."""
    if manifest.task != "image-classification":
        why = "a language model has no test images"
    elif manifest.input.data is None:
        why = "the data set of its images is unknown"
    else:
        why = f"give the test images of {manifest.input.data} with --path"
    return f"{manifest.precision} weights: agreement with float32 is not measured; {why}"


def verify(
    directory: Annotated[Path, typer.Argument(help="An artifact folder.", show_default=False)],
    runtime: Annotated[list[str] | None, typer.Option(
        help=f"Also run the files in {_runtimes()}, or in {ALL}: NAME or NAME:BACKEND; repeat, "
             "or separate by commas.")] = None,
    backend: Annotated[list[str] | None, typer.Option(
        help=f"{either(all_backends())}, for runtimes named without one; repeatable. Default: all "
             "backends of the runtime.")] = None,
    images: Annotated[int | None, typer.Option(
        help=f"Number of test images to classify in {either(_agreeing())}, compared with float32."
    )] = None,
    data: Annotated[str | None, typer.Option(
        help="Data set of --images. Default: that of the artifact.")] = None,
    path: Annotated[Path | None, typer.Option(help="Folder of that data set.")] = None,
    keep: Annotated[bool, typer.Option(
        "--record", help="Write the result of --images to manifest.json and README.md.")] = False,
) -> None:
    """Check an artifact: sha256 of every file, outputs of every format, real runtimes.

    \b
    Example:
      zoo verify exports/DARTS-digits --runtime tfjs
      zoo verify exports/mine --runtime tfjs:webgpu,litert:wasm,ort-web
      zoo verify exports/DARTS-digits --runtime tfjs:wasm --images 300 --record
    """
    if images is None and (data or path or keep):
        option = "--data" if data else "--path" if path else "--record"
        raise ValueError(f"{option} requires --images, the number of test images to classify")
    selected = select_runtimes(runtime or [], backend)
    if backend and not selected:
        raise ValueError(f"--backend requires a runtime; add --runtime {either(RUNTIMES)}")
    if images is not None and not any(one.runtime.agree for one in selected):
        raise ValueError(f"--images are classified in {either(_agreeing())}; add --runtime "
                         f"{_agreeing()[0]}")
    from export.checks import agreement
    from export.checks.verify import formats_of, holds, in_runtime
    from zoo.artifact.folder import refuse_here

    if keep:
        refuse_here(directory)
    with spinner() as say:
        rows = formats_of(directory, started=lambda hop: say(f"{hop} ..."))
        if runtime and ALL in runtime:
            selected = [one for one in selected if one.named or holds(directory, one.runtime)]
        for one in selected:
            say(f"{one.runtime.name} ...")
            rows += in_runtime(directory, one.runtime.name, one.backends if one.named else None)
        entries: list[Agreement] = []
        for one in selected:
            if images is not None and one.runtime.agree:
                say(f"{images} images in {one.runtime.name} ...")
                entries += one.runtime.agree(directory, images, data, path,
                                             one.backends if one.named else None)
    print_table(("where", "max difference", "limit", "verdict"),
                [(row.name, *_parity(row), row.verdict) for row in rows],
                right=("max difference", "limit"))
    for entry in entries:
        typer.echo(_agreement(entry))
    failed = [row.name for row in rows if row.failed]
    if failed:
        typer.echo(f"error: {directory}: verification failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)
    if keep:
        agreement.record(directory, entries)
    typer.echo(f"{directory}: the files are unchanged and all outputs agree")


def bench(
    targets: Annotated[list[str], typer.Argument(
        help="Cells or genotype files, or artifact folders.", show_default=False)],
    channels: Annotated[int, typer.Option(help="Channels of the first cell.")] = 16,
    layers: Annotated[int, typer.Option(help="Number of cells.")] = 8,
    size: Annotated[int, typer.Option(help="Height and width of the images.")] = 32,
    threads: Annotated[int, typer.Option(help="CPU threads of PyTorch and the runtimes.")] = 1,
    runs: Annotated[int, typer.Option(help="Number of timed runs; the median is shown.")] = 31,
    runtime: Annotated[list[str] | None, typer.Option(
        help=f"{either(_timed())}, or {ALL}: NAME or NAME:BACKEND; repeat, or separate by commas. "
             f"Default: {_timed()[0]}.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time one input in PyTorch and in runtimes, browsers included; those of a page in turn.

    \b
    Example:
      zoo bench DARTS NASNet AmoebaNet
      zoo bench DARTS --runtime onnxruntime --runtime tflite
      zoo bench exports/mine --runtime all
      zoo bench exports/mine --runtime tfjs:wasm,litert:wasm,ort-web:wasm --json
    """
    from export.checks.bench import measure

    selected = select_runtimes(runtime or [_timed()[0]])
    everything = bool(runtime) and ALL in runtime
    rows = []
    with spinner() as say:
        for target in targets:
            say(f"{target} ...")
            rows.append(measure(target, channels, layers, size, threads, runs, selected,
                                everything))
    if as_json:
        typer.echo(json_text.dumps([dataclasses.asdict(row) for row in rows], indent=2))
    elif all(row.is_cell for row in rows):
        _print_cells(rows)
    else:
        for row in rows:
            _print_timings(row)
    if any(time.failed for row in rows for time in row.timings):
        raise typer.Exit(1)


def _print_cells(rows: Sequence[Measured]) -> None:
    """Print a row for each cell, with two columns for each runtime and backend."""
    backends = list(dict.fromkeys((time.runtime, time.backend) for row in rows
                                  for time in row.timings))
    columns, table = ["parameters", "multiply-adds", "PyTorch ms"], []
    for name, backend in backends:
        columns += [f"{_title(name, backend)} ms", "speed-up"]
    for row in rows:
        line = [row.name, f"{row.parameters:,}", f"{row.multiply_adds or 0:,}", _ms(row.pytorch_ms)]
        times = {(time.runtime, time.backend): time.ms for time in row.timings}
        for key in backends:
            ms, pytorch = times.get(key), row.pytorch_ms
            line += [_ms(ms), f"{pytorch / ms:.1f}x" if ms and pytorch else ""]
        table.append(line)
    print_table(("cell", *columns), table, right=columns)
    _print_notes(rows)


def _print_timings(row: Measured) -> None:
    """Print a row for each runtime and backend."""
    table = [["PyTorch", "", _ms(row.pytorch_ms), "", str(row.threads), ""]] \
        if row.pytorch_ms is not None else []
    table += [[RUNTIMES[time.runtime].title, time.backend, _ms(time.ms), _ms(time.load_ms, 0),
               "" if time.threads is None else str(time.threads),
               f"{row.bytes[time.runtime] / 1e6:.2f}" if time.runtime in row.bytes else ""]
              for time in row.timings]
    typer.echo(f"{row.name}: one input, median of {row.runs}")
    print_table(("runtime", "backend", "ms", "load ms", "threads", "MB"), table,
                right=("ms", "load ms", "threads", "MB"))
    _print_notes([row])


def _print_notes(rows: Sequence[Measured]) -> None:
    for row in rows:
        for time in row.timings:
            if time.note:
                what = "error" if time.failed else "note"
                typer.echo(f"{what}: {row.name}: {_title(time.runtime, time.backend)}: {time.note}",
                           err=True)


def _title(name: str, backend: str) -> str:
    """The runtime's title, with the backend if it has several."""
    runtime = RUNTIMES[name]
    return f"{runtime.title} {backend}" if len(runtime.backends) > 1 else runtime.title


def _ms(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def doctor() -> None:
    """Check which hops and runtimes work here; for those that do not, why and what to install.

    \b
    Example:
      zoo doctor
    """
    from export.checks.doctor import checks, without_dependencies

    rows = checks()
    print_table(("hop", "works", "found or missing"),
                [(row.hop, "yes" if row.ok else "no", row.detail) for row in rows])
    if not all(row.ok for row in rows):
        typer.echo("\nA missing part is needed only by the commands that use it.")
    if command := without_dependencies():
        typer.echo("\nInstall the converters without their declared dependencies:\n\n"
                   f"  {command}")
