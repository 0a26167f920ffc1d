"""ONNX files of other projects converted to TF.js by this package and by onnx-tf.

    python -m benchmarks.networks DIR [NAME ...]

A row per ``.onnx`` file in DIR and converter: the result of the parity check, nodes and transposes
of the TF.js graph, the largest difference from ONNX Runtime on the original file, as a share of the
largest output, and seconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import export  # noqa: F401  (sets environment variables that TensorFlow reads on import)
from export.checks import parity
from export.formats import onnx_tf, saved_model, tfjs
from export.logs import captured
from export.network.onnx_file import OnnxFileError, read, sizes, true_inputs
from export.sources.custom import CustomModel
from export.sources.onnx_file import from_file
from zoo.commands.table import print_table

#: Height and width of inputs whose size the file leaves open.
SIZES = {"ch_PP-OCRv4_det_infer": (224, 224), "ch_PP-OCRv4_rec_infer": (48, 320),
         "ch_ppocr_mobile_v2.0_cls_infer": (48, 192), "common": (64, 128), "common_old": (64, 128)}
ROUTES = {"zoo": saved_model.write_saved_model, "onnx-tf": onnx_tf.write_saved_model}


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
            tfjs.write(folder / "saved_model", folder / "tfjs", "float32", {})
            checked = parity.check_parity("tfjs", tfjs.load(folder / "tfjs"), source.expected)
    except Exception as error:  # every network gets a row
        return Row(" ".join(str(error).split())[:140] or type(error).__name__,
                   time.perf_counter() - start)
    seconds, graph = time.perf_counter() - start, tfjs.describe(folder / "tfjs")
    return Row("agrees", seconds, graph["nodes"], graph["transposes"], checked.max_difference,
               graph["bytes"] / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*", help="file names without .onnx; default: all")
    parser.add_argument("--routes", nargs="*", default=list(ROUTES), choices=ROUTES)
    options = parser.parse_args()
    rows, passed = [], dict.fromkeys(options.routes, 0)
    paths = [path for path in sorted(options.directory.glob("*.onnx"))
             if not options.names or path.stem in options.names]
    for path in paths:
        start = time.perf_counter()
        try:
            source = from_file(path, shapes(path))
        except (OnnxFileError, ValueError) as error:
            rows.append((path.stem, "", str(error)[:140], *[""] * 6))
            continue
        read_s, batch = time.perf_counter() - start, (
            "open" if source.expected and source.expected.batched else "1")
        for route in options.routes:
            with tempfile.TemporaryDirectory() as folder:
                row = measure(source, route, Path(folder))
            passed[route] += row.result == "agrees"
            rows.append((path.stem, route, row.result, batch, *("" if value is None else str(value)
                         for value in (row.nodes, row.transposes)),
                         "" if row.difference is None else f"{row.difference:.1e}",
                         "" if row.megabytes is None else f"{row.megabytes:.1f}",
                         f"{read_s + row.seconds:.1f}"))
            print(*rows[-1], flush=True)
    print()
    columns = ("network", "converter", "result", "batch", "nodes", "transposes", "difference", "MB",
               "seconds")
    print_table(columns, rows, right=columns[4:])
    for route, count in passed.items():
        print(f"{route}: {count} of {len(paths)} within the limit")


if __name__ == "__main__":
    main()
