"""ONNX files of other projects converted to TF.js by this package and by onnx-tf.

    python -m benchmarks.networks DIR [NAME ...]
    python -m benchmarks.networks DIR --routes zoo onnx-tf onnx2tf --onnx2tf /path/to/python
    python -m benchmarks.networks DIR --routes zoo --runtime tfjs:wasm    # in Chromium

A row per ``.onnx`` file in DIR and converter: the result of the parity check, nodes and transposes
of the TF.js graph, the largest difference from ONNX Runtime on the original file, as a share of the
largest output, and seconds.  With `--runtime` our files also run there.  onnx2tf needs its own
environment: `--onnx2tf` names the Python of one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import export  # noqa: F401  (sets environment variables that TensorFlow reads on import)
from export.checks import parity
from export.checks.verify import in_runtime
from export.formats import onnx_tf, saved_model, tfjs
from export.formats.arrays import Arrays, Runner
from export.logs import captured
from export.network.onnx_file import OnnxFileError, read, sizes, true_inputs
from export.pipeline import build
from export.runtimes.base import select_runtimes
from export.sources.custom import CustomModel
from export.sources.onnx_file import from_file
from zoo.commands.table import print_table

#: Height and width of inputs whose size the file leaves open.
SIZES = {"ch_PP-OCRv4_det_infer": (224, 224), "ch_PP-OCRv4_rec_infer": (48, 320),
         "ch_ppocr_mobile_v2.0_cls_infer": (48, 192), "common": (64, 128), "common_old": (64, 128)}
ROUTES = {"zoo": saved_model.write_saved_model, "onnx-tf": onnx_tf.write_saved_model}
ONNX2TF = "onnx2tf"
_CALIBRATION = "calibration_image_sample_data_20x128x128x3_float32.npy"


@dataclass
class Row:
    result: str
    seconds: float
    nodes: int | None = None
    transposes: int | None = None
    difference: float | None = None
    megabytes: float | None = None


def shapes(path: Path) -> list[str]:
    """The --input-shape options of a file that leaves sizes open."""
    high, wide = SIZES.get(path.stem, (224, 224))
    options = []
    for value in true_inputs(read(path)):
        shape = sizes(value)
        if None in shape[1:] and len(shape) == 4:
            options.append(f"{value.name}=1,{shape[1] or 3},{shape[2] or high},{shape[3] or wide}")
    return options


def measure(source: CustomModel, route: str, folder: Path) -> Row:
    """Convert a source to TF.js files by one route, read them back and check parity."""
    assert source.graph is not None and source.expected is not None
    start = time.perf_counter()
    try:
        with captured():
            ROUTES[route](source.graph, folder / "saved_model")
    except Exception as error:  # every network gets a row
        return failed(error, start)
    return checked(folder, source.expected, lambda run: run, start)


def checked(folder: Path, expected: parity.Reference, named: Callable[[Runner], Runner],
            start: float) -> Row:
    """The row of the SavedModel in `folder`, written to TF.js files, read back and compared;
    `named` gives inputs and outputs the names of the reference."""
    try:
        with captured():
            tfjs.write(folder / "saved_model", folder / "tfjs", "float32", {})
            found = parity.check_parity("tfjs", named(tfjs.load(folder / "tfjs")), expected)
    except Exception as error:  # every network gets a row
        return failed(error, start)
    seconds, graph = time.perf_counter() - start, tfjs.describe(folder / "tfjs")
    return Row("agrees", seconds, graph["nodes"], graph["transposes"], found.max_difference,
               graph["bytes"] / 1e6)


def failed(error: Exception, start: float) -> Row:
    return Row(reason(error), time.perf_counter() - start)


def reason(error: Exception) -> str:
    """The message of an error on one line."""
    return " ".join(str(error).split())[:140] or type(error).__name__


def by_onnx2tf(python: str, path: Path, given: list[str], source: CustomModel, folder: Path
               ) -> Row:
    """Convert the original file by onnx2tf to TF.js files, read these back and compare.

    onnx2tf names inputs and outputs anew and turns images: they are matched by place, the images
    tried in both layouts.
    """
    assert source.expected is not None
    start, expected = time.perf_counter(), source.expected
    options = [each.replace("=", ":") for each in given]
    # It would download this file, to no use for float32.
    np.save(folder / _CALIBRATION, np.zeros((20, 128, 128, 3), np.float32))
    with captured():
        ran = subprocess.run(
            [python, "-m", "onnx2tf", "-i", str(path), "-o", str(folder / "saved_model"), "-n",
             "-osd", *(["-ois", *options] if options else ["-b", "1"])],
            capture_output=True, text=True, timeout=1200, check=False, cwd=folder,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""})
    if ran.returncode or not (folder / "saved_model/saved_model.pb").exists():
        lines = [line.strip() for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
        said = next((line for line in reversed(lines) if "ERROR" in line or "Error" in line),
                    lines[-1] if lines else "")
        return Row(f"onnx2tf: {said[:120]}", time.perf_counter() - start)
    one = parity.Reference(
        {name: value[:1] for name, value in expected.inputs.items()},
        {name: value[:1] for name, value in expected.outputs.items()}, 0,
        expected.float32, False, expected.scales) if expected.batched else expected
    return checked(folder, one, lambda run: by_place(run, folder / "saved_model", expected), start)


def by_place(run: Runner, directory: Path, expected: parity.Reference) -> Runner:
    """`run` with the names of the reference: inputs and outputs in their order, turned where only
    the other layout fits."""
    import tensorflow as tf

    serve = tf.saved_model.load(str(directory)).signatures["serving_default"]
    takes = list(serve.structured_input_signature[1].items())

    def fitted(value: np.ndarray, shape: list[int | None]) -> np.ndarray:
        orders = [tuple(range(value.ndim)), *([(0, 3, 1, 2), (0, 2, 3, 1)] if value.ndim == 4
                                              else [(0, 2, 1)] if value.ndim == 3 else [])]
        for order in orders:
            turned = value.transpose(order)
            if all(size is None or size == n for size, n in zip(shape, turned.shape)):
                return turned
        return value

    def renamed(inputs: Arrays) -> Arrays:
        given = {name: fitted(value, spec.shape.as_list())
                 for value, (name, spec) in zip(inputs.values(), takes)}
        outputs = list(run(given).values())
        return {name: fitted(outputs[place], list(value.shape))
                for place, (name, value) in enumerate(expected.outputs.items())}

    return renamed


def in_real_runtime(source: CustomModel, runtime: str, folder: Path) -> str:
    """What each backend says of our files."""
    (selected,) = select_runtimes([runtime], [])
    try:
        with captured():
            build(source, [selected.runtime.reads], folder)
        return "; ".join(f"{row.name}: {row.verdict}"
                         for row in in_runtime(folder, selected.runtime.name, selected.backends))
    except Exception as error:  # every network gets a row
        return reason(error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*", help="file names without .onnx; default: all")
    parser.add_argument("--routes", nargs="*", default=list(ROUTES), choices=[*ROUTES, ONNX2TF])
    parser.add_argument("--onnx2tf", metavar="PYTHON", help="of an environment with onnx2tf")
    parser.add_argument("--runtime", metavar="NAME:BACKEND", help="such as tfjs:wasm, in Chromium")
    options = parser.parse_args()
    if ONNX2TF in options.routes and not options.onnx2tf:
        parser.error("the route onnx2tf needs --onnx2tf")
    rows, passed = [], dict.fromkeys(options.routes, 0)
    paths = [path for path in sorted(options.directory.glob("*.onnx"))
             if not options.names or path.stem in options.names]
    for path in paths:
        start = time.perf_counter()
        try:
            source = from_file(path, shapes(path))
        except (OnnxFileError, ValueError) as error:
            rows.append((path.stem, "", str(error)[:140], *[""] * 7))
            continue
        read_s, batch = time.perf_counter() - start, (
            "open" if source.expected and source.expected.batched else "1")
        for route in options.routes:
            with tempfile.TemporaryDirectory() as folder:
                row = (by_onnx2tf(options.onnx2tf, path.resolve(), shapes(path), source,
                                  Path(folder))
                       if route == ONNX2TF else measure(source, route, Path(folder)))
                ran = (in_real_runtime(source, options.runtime, Path(folder) / "artifact")
                       if options.runtime and route == "zoo" else "")
            passed[route] += row.result == "agrees"
            rows.append((path.stem, route, row.result, batch, *("" if value is None else str(value)
                         for value in (row.nodes, row.transposes)),
                         "" if row.difference is None else f"{row.difference:.1e}",
                         "" if row.megabytes is None else f"{row.megabytes:.1f}",
                         f"{read_s + row.seconds:.1f}", ran))
            print(*rows[-1], flush=True)
    print()
    columns = ("network", "converter", "result", "batch", "nodes", "transposes", "difference", "MB",
               "seconds", options.runtime or "")
    print_table(columns, rows, right=columns[4:9])
    for route, count in passed.items():
        print(f"{route}: {count} of {len(paths)} within the limit")


if __name__ == "__main__":
    main()
