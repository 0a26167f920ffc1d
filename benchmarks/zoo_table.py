"""The table of shipped weights that README quotes, and a plot of accuracy against latency.

    python -m benchmarks.zoo_table                         # cells with weights for cifar10
    python -m benchmarks.zoo_table --data digits --plot docs/digits.svg
    python -m benchmarks.zoo_table --no-browser            # without the column of TF.js

Accuracies, parameters and multiply-adds are those of the cards.  Latencies are measured here and
now: one image, one thread, medians; ONNX Runtime and TF.js on wasm in Chromium, the networks in
turn, so that a busy moment meets all alike.  The download is what a page fetches: model.json and
the weights in float16.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from export.checks.bench import interleaved
from export.formats import onnx
from export.logs import captured
from export.pipeline import build
from export.source import BuildOptions, find
from zoo.registry import record
from zoo.weights import packaged, packaged_cells

RUNS = 200
PAGES = 15  # times that a page measures a network; one of them tells within a factor of two


@dataclass
class Row:
    """A network, in the units of its columns; `wasm_ms` None where no browser ran."""

    cell: str
    parameters: int
    multiply_adds: int
    epochs: int
    accuracy: float
    onnx_ms: float
    wasm_ms: float | None
    kilobytes: float

    @property
    def line(self) -> str:
        wasm = "-" if self.wasm_ms is None else f"{self.wasm_ms:.1f}"
        return (f"| {self.cell} | {self.parameters:,} | {self.multiply_adds / 1e6:.1f} M | "
                f"{self.epochs} | {self.accuracy:.2%} | {self.onnx_ms:.2f} | {wasm} | "
                f"{self.kilobytes:,.0f} kB |")


HEAD = ("| cell | parameters | multiply-adds | epochs | test accuracy | ONNX Runtime, ms | "
        "TF.js wasm, ms | download |\n|---|---:|---:|---:|---:|---:|---:|---:|")


def measure(cells: list[str], data: str, folder: Path, browser: bool) -> list[Row]:
    for cell in cells:
        with captured():
            build(find(cell, BuildOptions(data=data)), ["onnx", "tfjs"], folder / cell, "float16")
    onnx_ms = interleaved([_in_onnx(folder / cell, packaged(cell, data)["input"])
                           for cell in cells], RUNS)
    wasm_ms: dict[str, list[float]] = {cell: [] for cell in cells}
    for _ in range(PAGES if browser else 0):
        for cell, found in wasm_ms.items():
            found += _in_wasm(folder / cell)
    return [_row(packaged(cell, data), folder / cell, ms,
                 statistics.median(wasm_ms[cell]) if wasm_ms[cell] else None)
            for cell, ms in zip(cells, onnx_ms)]


def _row(card: dict, folder: Path, onnx_ms: float, wasm_ms: float | None) -> Row:
    download = sum(file.stat().st_size for file in (folder / "tfjs").iterdir())
    epochs = sum(sitting["epochs"] for sitting in [card, *card.get("earlier", [])])
    return Row(shown(card["cell"]), card["parameters"], card["multiply_adds"], epochs,
               card["test_accuracy"], onnx_ms, wasm_ms, download / 1000)


def shown(cell: str) -> str:
    """The cell by the name that people know."""
    found = record(cell)
    return found.aliases[0] if found.aliases else cell


def _in_onnx(folder: Path, size: dict) -> Callable[[], object]:
    run = onnx.load(folder / "onnx" / "model.onnx", 1)
    pixels = np.random.default_rng(0).uniform(
        0, 255, (1, size["height"], size["width"], size["channels"])).astype(np.float32)
    return functools.partial(run, {"pixels": pixels})


def _in_wasm(folder: Path) -> list[float]:
    """The milliseconds; none where the page failed, which is said."""
    from web_demo.verify import verify

    row, = verify(folder, backends=["wasm"])
    if row["ok"]:
        return [row["ms"]]
    print(f"{folder.name} on wasm: {row['error'] or row['reason'] or 'wrong numbers'}",
          file=sys.stderr)
    return []


def plot(rows: list[Row], data: str, path: Path) -> None:
    """Accuracy against latency, a point a network."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kind = "TF.js wasm" if all(row.wasm_ms for row in rows) else "ONNX Runtime"
    with pyplot.rc_context({"svg.hashsalt": "genotype-zoo", "svg.fonttype": "none",
                            "axes.spines.top": False, "axes.spines.right": False}):
        figure, axes = pyplot.subplots(figsize=(6.4, 4), layout="constrained")
        points = np.array([(row.wasm_ms if kind == "TF.js wasm" else row.onnx_ms,
                            row.accuracy * 100) for row in rows])
        reach = np.ptp(points, axis=0) / 5  # as far as a label reaches to the side and down
        for row, point in zip(rows, points):
            axes.scatter(*point, s=row.parameters / 2000, color="#0072b2", alpha=0.6, linewidths=0)
            aside, down = (point - points).T
            above = ((abs(aside) < reach[0]) & (down > 0) & (down < reach[1])).any()
            axes.annotate(f"{row.cell} ({row.epochs})", point, xytext=(0, 9 if above else -9),
                          textcoords="offset points", ha="center",
                          va="bottom" if above else "top", fontsize=9)
        axes.margins(x=0.25, y=0.15)
        axes.grid(alpha=0.25)
        axes.set(xlabel=f"{kind}, ms an image", ylabel="test accuracy, %")
        axes.set_title(f"Shipped weights, {data} (epochs); area: parameters", fontsize=10)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--plot", type=Path, help="file to write: .svg, .png or .pdf")
    parser.add_argument("--no-browser", dest="browser", action="store_false")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cells = packaged_cells(given.data)
    if not cells:
        parser.error(f"no weights for {given.data} are shipped")
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(cells, given.data, Path(folder), given.browser)
    print(HEAD, *(row.line for row in rows), sep="\n")
    remarks = sorted({card["remark"] for cell in cells
                      if (card := packaged(cell, given.data)).get("remark")})
    shown_data = ", ".join([given.data, *remarks])
    print(f"\nData: {shown_data}.")
    if given.plot:
        plot(rows, shown_data, given.plot)


if __name__ == "__main__":
    main()
