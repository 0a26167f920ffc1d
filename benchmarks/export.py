"""The default converter beside the onnx-tf package: seconds, graph, size and speed in one run.

    python -m benchmarks.export            # DARTS_V2, 36 channels, 20 cells
    python -m benchmarks.export --small    # 12 channels, 8 cells
    python -m benchmarks.export --browser wasm --browser webgl

One ONNX file, made once, goes through every route to TF.js files.  "onnx-tf as it comes" is the
package alone: its own export, without our rewrites before and after it.  Seconds are of the
conversion: imports are paid before, and parity is not in them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from rich.console import Console
from rich.table import Table

from export.formats import onnx as onnx_hop
from export.formats import onnx_tf, shims, tfjs, tfjs_repairs
from export.formats import saved_model as tensorflow
from export.logs import captured
from export.network.deploy import deploy
from export.pipeline import build
from export.source import from_model
from zoo import create_model
from zoo.artifact import folder as artifact


@dataclass
class Measured:
    """One route, in the units of its column."""

    route: str
    saved_model_s: float
    tfjs_s: float
    graph: dict[str, int]
    difference: float
    browser_ms: dict[str, float | None] = field(default_factory=dict)


def as_it_comes(model: onnx.ModelProto, directory: Path) -> None:
    """What onnx-tf's own three lines write."""
    shims.onnx_tf().prepare(model, logging_level="ERROR").export_graph(str(directory))


def plain_tfjs(saved_model: Path, directory: Path) -> None:
    """What tensorflowjs writes, without our repairs but for the outputs' names."""
    shims.tensorflowjs_converter().convert_tf_saved_model(
        str(saved_model), str(directory), signature_def="serving_default",
        saved_model_tags="serve", use_structured_outputs_names=True,
        weight_shard_size_bytes=tfjs.SHARD_BYTES)
    model = json.loads((directory / "model.json").read_text())
    model["signature"]["outputs"] = tfjs_repairs.name_outputs(model)
    (directory / "model.json").write_text(json.dumps(model))


def our_tfjs(saved_model: Path, directory: Path) -> None:
    tfjs.write(saved_model, directory, "float32", {})


#: ONNX to SavedModel, and SavedModel to TF.js files.
ROUTES = {
    "zoo": (tensorflow.write_saved_model, our_tfjs),
    "onnx-tf": (onnx_tf.write_saved_model, our_tfjs),
    "onnx-tf as it comes": (as_it_comes, plain_tfjs),
}


def network(cell: str, channels: int, layers: int) -> torch.nn.Module:
    """Untrained, but with biases: those of an untrained network are zero, and optimized away."""
    torch.manual_seed(0)
    model = create_model(cell, channels=channels, layers=layers).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(model: torch.nn.Module, cell: str, backends: list[str], folder: Path,
            say: Callable[[str], None]) -> tuple[float, list[Measured]]:
    """Seconds of PyTorch to ONNX, and what each route made of the file."""
    source = from_model(model, cell, labels=[str(digit) for digit in range(10)])
    path = folder / "model.onnx"
    say("PyTorch to ONNX")
    with captured():
        shims.onnx_tf(), shims.tensorflowjs_converter()  # imports are not what is measured
        onnx_s = seconds(lambda: onnx_hop.write(deploy(model, source.manifest.input), path, {}))
    pixels = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    expected = onnx_hop.load(path)({"pixels": pixels})["logits"]
    if backends:
        say("an artifact for the browser")
        build(source, ["tfjs"], folder / "artifact")
    rows = []
    for route in ROUTES:
        say(f"ONNX to TF.js: {route}")
        with captured():
            row = through(route, onnx.load(path), pixels, expected, folder / route)
        if backends:
            row.browser_ms = latency(folder / "artifact", folder / route / "tfjs", backends)
        rows.append(row)
    return onnx_s, rows


def through(route: str, model: onnx.ModelProto, pixels: np.ndarray, expected: np.ndarray,
            folder: Path) -> Measured:
    saved_model, files = folder / "saved_model", folder / "tfjs"
    to_tensorflow, to_tfjs = ROUTES[route]
    saved_model_s = seconds(lambda: to_tensorflow(model, saved_model))
    tfjs_s = seconds(lambda: to_tfjs(saved_model, files))
    # TensorFlow is stricter than TF.js and does not load what the plain converter wrote.
    run = tfjs.load(files) if to_tfjs is our_tfjs else tensorflow.load(saved_model)
    logits = run({"pixels": pixels})["logits"]
    return Measured(route, saved_model_s, tfjs_s, tfjs.describe(files),
                    float(np.abs(logits - expected).max()))


def latency(built: Path, files: Path, backends: list[str]) -> dict[str, float | None]:
    """Steady milliseconds an image in Chromium; None where the backend is missing or fails."""
    from web_demo.verify import verify

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "artifact"
        shutil.copytree(built, copy)
        shutil.rmtree(copy / "tfjs")
        shutil.copytree(files, copy / "tfjs")
        artifact.finalize(copy, artifact.read_manifest(copy))
        return {row["backend"]: row["ms"] for row in verify(copy, backends=backends)}


def show(cell: str, size: str, onnx_s: float, rows: list[Measured], backends: list[str]) -> Table:
    table = Table(title=f"{cell}, {size}; PyTorch to ONNX {onnx_s:.1f} s", title_justify="left")
    table.add_column("ONNX to TensorFlow")
    for column in ("SavedModel s", "TF.js s", "nodes", "transposes", "MB", "max |difference|",
                   *(f"{backend} ms" for backend in backends)):
        table.add_column(column, justify="right")
    for row in rows:
        times = (row.browser_ms.get(backend) for backend in backends)
        table.add_row(
            row.route, f"{row.saved_model_s:.1f}", f"{row.tfjs_s:.1f}", str(row.graph["nodes"]),
            str(row.graph["transposes"]), f"{row.graph['bytes'] / 1e6:.2f}",
            f"{row.difference:.1e}", *("-" if ms is None else f"{ms:.1f}" for ms in times))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", default="DARTS_V2")
    parser.add_argument("--small", action="store_true", help="12 channels and 8 cells")
    parser.add_argument("--browser", action="append", default=[], metavar="BACKEND",
                        choices=["wasm", "webgl", "webgpu", "cpu"],
                        help="time the files in Chromium on this backend too; repeat for more")
    options = parser.parse_args()
    channels, layers = (12, 8) if options.small else (36, 20)
    torch.set_num_threads(1)
    progress = Console(stderr=True)
    model = network(options.cell, channels, layers)
    with tempfile.TemporaryDirectory() as folder:
        onnx_s, rows = measure(model, options.cell, options.browser, Path(folder), progress.print)
    size = f"{channels} channels, {layers} cells"
    wide = Console(width=None if sys.stdout.isatty() else 120)
    wide.print(show(options.cell, size, onnx_s, rows, options.browser))


if __name__ == "__main__":
    main()
