"""`zoo profile`: measures the operations of a network in a runtime, and predicts cells."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from export.runtimes.base import RUNTIMES
from zoo.commands.progress import spinner
from zoo.commands.table import print_table
from zoo.messages.command_line import command
from zoo.messages.spelling import choices, either

if TYPE_CHECKING:
    from zoo.latency.profile import Profile
    from zoo.latency.sizes import Sizes

SPACES = ("conv", "nasbench201")

# Annotations are evaluated when a command is called: its help lists the tables' current entries.


def _timed() -> list[str]:
    return [name for name, each in RUNTIMES.items() if each.timed]


def profile(
    cells: Annotated[list[str] | None, typer.Argument(
        help="With --show: cells or genotype files to predict.", show_default=False)] = None,
    runtime: Annotated[str | None, typer.Option(
        help=f"{either(_timed())}: NAME or NAME:BACKEND. Default: {_timed()[0]}.")] = None,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", help="Output file. Default: profile.json.")] = None,
    space: Annotated[str, typer.Option(
        help="Search space: conv (that of DARTS) or nasbench201.")] = "conv",
    data: Annotated[str, typer.Option(
        help="digits, cifar10 or cifar100: image size, classes, channels and layers.")] = "digits",
    channels: Annotated[int | None, typer.Option(help="Channels of the first cell.")] = None,
    layers: Annotated[int | None, typer.Option(help="Number of cells.")] = None,
    size: Annotated[int | None, typer.Option(help="Height and width of the images.")] = None,
    num_classes: Annotated[int | None, typer.Option(help="Number of classes.")] = None,
    in_channels: Annotated[int | None, typer.Option(
        help="Input channels: 1 for grayscale, 3 for RGB.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads of the runtime.")] = 1,
    runs: Annotated[int, typer.Option(help="Number of timed runs of each graph.")] = 100,
    show: Annotated[Path | None, typer.Option(
        "--show", help="Show this profile, and the latencies that it predicts for CELLS.")] = None,
) -> None:
    """Measure every operation of a network in a runtime, to predict the latency of any cell.

    The profile holds for networks of these sizes on this machine. Small parts of the network with
    random cells are exported and timed in turn; the latency of each operation at each shape is
    fitted to them. After an interrupt, the same command continues.

    \b
    Example:
      zoo profile --runtime tfjs:wasm --data cifar10 --channels 16 --layers 8 -o profile.json
      zoo profile --show profile.json DARTS_V1 DARTS_V2 PC_DARTS_cifar
    """
    from zoo.latency.profile import Profile

    if show is not None:
        for name, value in (("runtime", runtime), ("output", output)):
            if value is not None:
                raise ValueError(f"--show reads a profile and measures nothing; omit --{name}")
        _show(Profile.read(show), show, cells or [])
        return
    if cells:
        raise ValueError(f"a profile is measured without cells; omit {' '.join(cells)}, or predict "
                         "with --show FILE")
    from export.profile.measure import fit_error, measure, one_backend

    path = output or Path("profile.json")
    sizes = _sizes(space, data, channels, layers, size, num_classes, in_channels)
    selected = one_backend(runtime or _timed()[0])
    finished = path.is_file() and bool(Profile.read_any(path).entries)
    start = time.perf_counter()
    terminal = sys.stderr.isatty()
    with spinner() as say:

        def report(done: int, total: int, what: str) -> None:
            if terminal or what == "timing":  # elsewhere a line per batch
                say(f"{what}: {done} of {total} graphs")

        measured = measure(path, sizes, selected, threads, runs, report)
    typer.echo(f"{path}: {describe(measured)}")
    seconds = f"{time.perf_counter() - start:.0f} s"
    typer.echo(f"measured {'before' if finished else f'in {seconds}'}; whole networks are fitted "
               f"with a median error of {fit_error(measured):.1%}")
    typical = median(ms for name, ms in measured.samples.items() if name.startswith("network"))
    limit = f"latency:{measured.runtime}:{measured.backend}<={typical:.2g}ms"
    typer.echo("next: " + command("search", "run", "--limit", limit, "--profile", path))


def _sizes(space: str, data: str, channels: int | None, layers: int | None, size: int | None,
           num_classes: int | None, in_channels: int | None) -> Sizes:
    """The sizes of the network: those given, else of the data set and its recipe."""
    from export.sources.cell import input_of
    from export.sources.options import BuildOptions
    from zoo.latency.sizes import Sizes
    from zoo.recipes.image import recipe

    if space not in SPACES:
        raise ValueError(f"unknown space {choices(space, SPACES)}")
    if data == "imagenet":
        raise ValueError("a profile is of the network for small images; give another data set and "
                         "--size")
    for name, value in (("channels", channels), ("layers", layers), ("size", size),
                        ("num-classes", num_classes), ("in-channels", in_channels)):
        if value is not None and value < 1:
            raise ValueError(f"--{name} must be at least 1, not {value}")
    spec, _ = input_of(data, BuildOptions(size=size, in_channels=in_channels))
    default = recipe(data, network="nasbench201" if space == "nasbench201" else None)
    assert spec.height and spec.channels
    return Sizes.model_validate({
        "kind": space, "channels": channels or default.channels,
        "layers": layers or default.layers, "size": spec.height,
        "classes": num_classes or (100 if data == "cifar100" else 10),
        "in_channels": spec.channels})


def describe(profile: Profile) -> str:
    """What a profile holds for, in words."""
    network = profile.network
    threads = f" on {profile.threads} threads" if profile.threads > 1 else ""
    return (f"{profile.runtime}:{profile.backend}{threads}, {network.kind} cells in a network of "
            f"{network.channels} channels and {network.layers} cells for {network.size}x"
            f"{network.size}x{network.in_channels} images and {network.classes} classes")


def _show(profile: Profile, path: Path, cells: list[str]) -> None:
    """Print the predicted latencies of cells, or without cells those of the operations."""
    from zoo.cell_file import read_cell, shown_name

    typer.echo(f"{path}: {describe(profile)}; {profile.machine}")
    if cells:
        rows = []
        for cell in cells:
            record = read_cell(cell)
            try:
                ms = profile.predict(record.genotype)
            except ValueError as error:
                raise ValueError(f"{cell}: {error}") from None
            rows.append([shown_name(cell, record), f"{ms:.3f}"])
        print_table(("cell", "predicted ms"), rows, right=("predicted ms",))
        return
    table, shapes = profile.table(), profile.network.shapes()
    heads = [f"{shape.channels} at {shape.size}x{shape.size}" + (
        " stride 2" if shape.stride == 2 else "") for shape in shapes]
    names = list(dict.fromkeys(name for name, _ in table))
    print_table(("microseconds", *heads), [
        [name, *(f"{1000 * table[name, shape]:.1f}" if (name, shape) in table else ""
                 for shape in shapes)] for name in names], right=heads)
    typer.echo(f"everything else: {profile.rest:.3f} ms")
