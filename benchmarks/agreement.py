"""How many test images get the answer of float32 from float16 and uint8 files, a line a network.

    python -m benchmarks.agreement --path ~/cifar10
    python -m benchmarks.agreement --path ~/cifar10 --images 500 --record

The shipped weights are exported; TensorFlow in Python answers on all test images, with `--images`
Chromium (wasm) on the first ones.  `--record` states both on the cards in zoo/weights.
"""

from __future__ import annotations

import argparse
import tempfile
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

PRECISIONS = ("float16", "uint8")


def measure(cell: str, data: str, path: Path | None, images: int, folder: Path
            ) -> list[Agreement]:
    """Of one network, both precisions, Python first."""
    found = []
    for precision in PRECISIONS:
        source = find(cell, BuildOptions(data=data, path=path))
        source.manifest = source.manifest.model_copy(update={"agreement": []})  # the card's
        with captured():
            manifest = build(source, ["tfjs"], folder / precision, precision)
        found += manifest.agreement
        if images:
            found += agreement.in_chromium(folder / precision, images, data, path, ["wasm"])
    return found


def state(cell: str, data: str, found: list[Agreement]) -> None:
    """Write it on the card of the weights, beside what was measured elsewhere."""
    card = packaged(cell, data)
    measured = {(one.precision, one.where) for one in found}
    kept = [one for one in card.get("agreement", [])
            if (one["precision"], one["where"]) not in measured]
    card["agreement"] = [*(one.model_dump() for one in found), *kept]
    write_whole(HERE / f"{cell}-{data}.json", json_bytes(card))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--path", type=Path, help="where the data set lies")
    parser.add_argument("--images", type=int, default=0, help="test images for Chromium")
    parser.add_argument("--cells", nargs="+", help="only these; all that are shipped if left out")
    parser.add_argument("--record", action="store_true", help="write it on the cards")
    given = parser.parse_args()
    torch.set_num_threads(1)
    there = packaged_cells(given.data)
    cells = [record(cell).name for cell in given.cells or there]
    if missing := [cell for cell in cells if cell not in there]:
        parser.error(f"no weights of {', '.join(missing)} for {given.data} are shipped")
    print("| cell | weights | where | images | same answer | bytes |\n"
          "|---|---|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for cell in cells:
            found = measure(cell, given.data, given.path, given.images, Path(folder) / cell)
            for one in found:
                print(f"| {shown(cell)} | {one.precision} | {one.where} | {one.images:,} | "
                      f"{one.share:.2%} | {one.bytes:,} |", flush=True)
            if given.record:
                state(cell, given.data, found)


if __name__ == "__main__":
    main()
