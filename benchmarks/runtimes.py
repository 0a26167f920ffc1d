"""Latency of one input and file size of every network in every runtime.

    python -m benchmarks.runtimes --csv docs/runtimes.csv          # the figures of docs/runtimes.md
    python -m benchmarks.runtimes DARTS "DARTS 36x20" --runs 11    # print some of them

Without names: the cells with shipped CIFAR-10 weights in their size, the same cells in the
published size (36 channels, 20 cells, untrained), and two networks of timm if it is installed.  One
thread, batch 1; runs of the runtimes in this process are interleaved, then those of the browser
runtimes in one page.  WebGL and WebGPU are listed only if the machine has a GPU.  The CSV has a
line per network, runtime and backend.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import importlib.util
import io
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import torch

from export.checks.bench import Measured, measure
from export.logs import captured
from export.pipeline import build
from export.runtimes.base import RUNTIMES, Selection, select_runtimes
from export.sources.find import find
from export.sources.options import BuildOptions
from zoo.artifact.folder import read_manifest

CELLS = ("DARTS", "DARTS_V2", "NASNet", "AmoebaNet")
TIMM = {"mobilenetv3_small": "mobilenetv3_small_100", "resnet18": "resnet18"}
FORMATS = ["onnx", "tflite", "tfjs"]
RUNTIME_NAMES = "onnxruntime,tflite,tfjs,litert,ort-web"


@dataclass(frozen=True)
class Line:
    """A line of the CSV: a network in a runtime; None for values that are not measured."""

    network: str
    accuracy: float | None
    parameters: int
    runtime: str
    backend: str
    ms: float | None
    load_ms: float | None
    bytes: int
    threads: int | None
    machine: str
    note: str


def shipped(cell: str, folder: Path) -> None:
    """Write the artifact of a cell with its shipped CIFAR-10 weights."""
    build(find(cell, BuildOptions(data="cifar10")), FORMATS, folder)


def published(cell: str, folder: Path) -> None:
    """Write the artifact of a cell at the published size, untrained."""
    source = find(cell, BuildOptions(data="cifar10", channels=36, layers=20))
    _settle(source.model)
    build(source, FORMATS, folder)


def _settle(model: torch.nn.Module) -> None:
    """Set the statistics of batch norms to those of random images: with initial statistics the
    logits of 20 untrained cells are constant but for rounding, which parity checks refuse."""
    norms = [each for each in model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # mean over all batches
        norm.train()
    torch.manual_seed(0)
    with torch.no_grad():
        model(torch.randn(64, 3, 32, 32))
    for norm in norms:
        norm.eval()


def of_timm(name: str, folder: Path) -> None:
    """Write the artifact of an ImageNet network of timm, untrained, from an ONNX file."""
    torch.manual_seed(0)
    model = importlib.import_module("timm").create_model(name, exportable=True).eval()
    for norm in model.modules():  # scales that are initialized to zero would be folded away
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(norm.weight, 0.5, 1.0)
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / f"{name}.onnx"
        torch.onnx.export(model, (torch.rand(1, 3, 224, 224),), str(file), dynamo=False,
                          opset_version=17, input_names=["images"], output_names=["logits"],
                          dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}})
        build(find(str(file), BuildOptions()), FORMATS, folder)


def networks() -> dict[str, Callable[[Path], None]]:
    """Functions that write the artifact of a network, by the network's name."""
    writers: dict[str, Callable[[Path], None]] = {cell: partial(shipped, cell) for cell in CELLS}
    writers |= {f"{cell} 36x20": partial(published, cell) for cell in CELLS}
    if importlib.util.find_spec("timm"):
        writers |= {name: partial(of_timm, model) for name, model in TIMM.items()}
    return writers


def lines_of(name: str, folder: Path, runs: int, selected: list[Selection]) -> list[Line]:
    """The lines of an artifact in every runtime."""
    measured = measure(str(folder), 1, 1, 1, 1, runs, selected, everything=True)
    manifest = read_manifest(folder)
    accuracy = manifest.metrics.get("test_accuracy") if manifest.trained else None
    return [Line(name, accuracy, measured.parameters, each.runtime, each.backend,
                 _rounded(each.ms), _rounded(each.load_ms), measured.bytes.get(each.runtime, 0),
                 each.threads, machine(), each.note)
            for each in measured.timings if not _emulated(each.backend, measured)]


def _emulated(backend: str, measured: Measured) -> bool:
    """Whether `backend` needs a GPU that this machine lacks."""
    return backend in ("webgl", "webgpu") and all(
        each.ms is None or each.software for each in measured.timings if each.backend == backend)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def machine() -> str:
    """A description of this machine."""
    return f"{os.cpu_count()} {platform.machine()} cores, {platform.system()}"


def table(lines: list[Line], column: str = "ms") -> str:
    """A Markdown table with a row per network and a column per runtime and backend; for latencies
    also with file sizes by format."""
    kinds = list(dict.fromkeys((line.runtime, line.backend) for line in lines))
    brief = column != "ms"
    sizes = {} if brief else {RUNTIMES[line.runtime].reads: line.runtime for line in lines}
    facts = ["network"] if brief else ["network", "test accuracy", "parameters"]
    head = [*facts, *(f"{fmt} MB" for fmt in sizes),
            *(f"{RUNTIMES[name].title} {backend}" if len(RUNTIMES[name].backends) > 1
              else RUNTIMES[name].title for name, backend in kinds)]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for network in dict.fromkeys(line.network for line in lines):
        own = {(line.runtime, line.backend): line for line in lines if line.network == network}
        first = next(iter(own.values()))
        bytes_of = {line.runtime: line.bytes for line in own.values()}
        about = [network, "" if first.accuracy is None else f"{first.accuracy:.2%}",
                 f"{first.parameters:,}"]
        times = {kind: getattr(line, column) for kind, line in own.items()}
        rows.append([
            *about[:len(facts)],
            *(f"{bytes_of.get(name, 0) / 1e6:.2f}" for name in sizes.values()),
            *("" if times.get(kind) is None else f"{times[kind]:.{0 if brief else 1}f}"
              for kind in kinds)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def read(text: str) -> list[Line]:
    """The lines of a CSV."""
    def number(value: str, kind: Callable[[str], float]) -> float | None:
        return kind(value) if value else None

    return [Line(row["network"], number(row["accuracy"], float), int(row["parameters"]),
                 row["runtime"], row["backend"], number(row["ms"], float),
                 number(row["load_ms"], float), int(row["bytes"]),
                 int(row["threads"]) if row["threads"] else None, row["machine"], row["note"])
            for row in csv.DictReader(io.StringIO(text))]


def write(lines: list[Line], path: Path) -> None:
    """Write the lines as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [each.name for each in fields(Line)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(line) for line in lines)


def main() -> None:
    known = networks()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=list(known),
                        help=", ".join(known))
    parser.add_argument("--runtime", default=RUNTIME_NAMES, help="as for `zoo bench`")
    parser.add_argument("--runs", type=int, default=31)
    parser.add_argument("--csv", type=Path, help="file to write")
    options = parser.parse_args()
    for name in options.networks:
        if name not in known:
            parser.error(f"unknown network {name!r}; known are {', '.join(known)}")
    selected = select_runtimes([options.runtime])
    lines = []
    with tempfile.TemporaryDirectory() as temporary:
        for number, name in enumerate(options.networks):
            print(f"{name} ...", file=sys.stderr)
            folder = Path(temporary) / str(number)
            with captured():
                known[name](folder)
            lines += lines_of(name, folder, options.runs, selected)
    print(f"One input, ms, median of {options.runs}, one thread: {machine()}\n")
    print(table(lines))
    for line in lines:
        if line.ms is None:
            print(f"{line.network}: {line.runtime} {line.backend}: {line.note}", file=sys.stderr)
    if options.csv:
        write(lines, options.csv)


if __name__ == "__main__":
    main()
