"""Share of test images that float16, uint8 and int8 exports classify like float32.

    python -m benchmarks.agreement --path ~/cifar10
    python -m benchmarks.agreement --path ~/cifar10 --images 500 --record

The shipped weights are exported; Python classifies all test images and, with `--images`, Chromium
(wasm) the first ones from TF.js files.  `--record` writes both to the cards in zoo/weights.  int8
is calibrated on the shipped pictures, as in a build without `--path`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.zoo_table import shown
from export.checks import agreement
from export.logs import captured
from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from zoo.artifact.folder import json_bytes
from zoo.artifact.manifest import Agreement
from zoo.registry import record
from zoo.system.files import write_whole
from zoo.weights import HERE, packaged, packaged_cells

#: Formats by precision.
PRECISIONS = {"float16": ["tfjs"], "uint8": ["tfjs"], "int8": ["onnx", "tflite"]}


def measure(cell: str, data: str, path: Path | None, images: int, folder: Path,
            precisions: Sequence[str]) -> list[Agreement]:
    """The agreement of a network in each precision, in Python and then in Chromium."""
    entries = []
    for precision in precisions:
        formats = PRECISIONS[precision]
        source = find(cell, BuildOptions(data=data, path=path))
        if data != "digits":
            source.calibration = None
        source.manifest = source.manifest.model_copy(update={"agreement": []})  # drop the card's
        with captured():
            manifest = build(source, formats, folder / precision, precision)
        entries += manifest.agreement
        if images and "tfjs" in formats:
            entries += agreement.in_chromium(folder / precision, images, data, path, ["wasm"])
    return entries


def record_on_card(cell: str, data: str, entries: list[Agreement]) -> None:
    """Write the entries to the card of the weights, keeping those of other formats and runtimes."""
    card = packaged(cell, data)
    measured = {(one.format, one.precision, one.where) for one in entries}
    kept = [one for one in card.get("agreement", [])
            if (one.get("format", "tfjs"), one["precision"], one["where"]) not in measured]
    card["agreement"] = [*(one.model_dump() for one in entries), *kept]
    write_whole(HERE / f"{cell}-{data}.json", json_bytes(card))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--path", type=Path, help="folder of the data set")
    parser.add_argument("--images", type=int, default=0, help="test images for Chromium")
    parser.add_argument("--cells", nargs="+", help="default: all shipped cells")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=[*PRECISIONS])
    parser.add_argument("--record", action="store_true", help="write the figures to the cards")
    options = parser.parse_args()
    torch.set_num_threads(1)
    shipped = packaged_cells(options.data)
    cells = [record(cell).name for cell in options.cells or shipped]
    if missing := [cell for cell in cells if cell not in shipped]:
        parser.error(f"no weights of {', '.join(missing)} for {options.data} are shipped")
    print("| cell | format | weights | runtime | images | same class | bytes | in float32 |\n"
          "|---|---|---|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for cell in cells:
            entries = measure(cell, options.data, options.path, options.images,
                              Path(folder) / cell, options.precisions)
            for one in entries:
                print(f"| {shown(cell)} | {one.format} | {one.precision} | {one.where} | "
                      f"{one.images:,} | {one.share:.2%} | {one.bytes:,} | "
                      f"{one.float32_bytes:,} |", flush=True)
            if options.record:
                record_on_card(cell, options.data, entries)


if __name__ == "__main__":
    main()
