"""Latency of a small network in TF.js with and without two optimizations, in one run of Node.

    python -m benchmarks.tfjs_rewrites                  # DARTS_V2 with its shipped CIFAR-10 weights
    python -m benchmarks.tfjs_rewrites --cell NASNet

Strided pools have a Pad node, or are subsampled from stride 1
(`export.converter.operations.pooling`); TensorFlow.js executes the graph, or its kernels are
replayed (`web_demo/src/runtime/recorded.ts`).  ONNX Runtime Web runs the ONNX file.  On wasm, one
thread, one image; CPU time, hardly affected by other processes, as medians of 60 rounds of 10 runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from unittest import mock

import torch

from export.formats import tfjs
from export.logs import captured
from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from web_demo.node import HERE

#: The graphs to compare, and whether their pools are subsampled.
GRAPHS = {"padded pools": False, "subsampled pools": True}


def export(cell: str, data: str, folder: Path) -> dict[str, Path]:
    """Write the TF.js files of each graph, and model.onnx; returns the folders by graph."""
    from export.converter.operations import pooling

    directories = {}
    for index, (name, subsampled) in enumerate(GRAPHS.items()):
        source = find(cell, BuildOptions(data=data))
        rule = pooling._is_subsampled if subsampled else lambda *_: False
        with captured(), mock.patch.object(pooling, "_is_subsampled", rule):
            build(source, ["onnx", "tfjs"], folder / str(index))
        directories[name] = folder / str(index) / "tfjs"
    (folder / "model.onnx").symlink_to(folder / "0/onnx/model.onnx")
    return directories


def measure(folder: Path, directories: list[Path]) -> list[dict]:
    """Name, ms and difference from the first, for each way to run a graph."""
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    (folder / "recorded.ts").write_bytes((HERE / "src/runtime/recorded.ts").read_bytes())
    subprocess.run(["node", "node_modules/.bin/tsc", "--module", "commonjs", "--target", "es2022",
                    "--lib", "es2023,dom", "--skipLibCheck", "recorded.ts"], cwd=folder, check=True)
    script = Path(__file__).with_suffix(".cjs")
    result = subprocess.run(["node", "--single-threaded", str(script), str(folder),
                          *map(str, directories)], check=True, capture_output=True, text=True)
    return json.loads(result.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", default="DARTS_V2")
    parser.add_argument("--data", default="cifar10")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        directories = export(options.cell, options.data, folder)
        rows = measure(folder, list(directories.values()))
        names = {str(directory): name for name, directory in directories.items()}
        print("| graph | nodes | run | ms | max difference |\n|---|---:|---|---:|---:|")
        for row in rows:
            directory, _, mode = row["name"].rpartition(" ")
            graph, nodes, run = "", "", row["name"]
            if directory in names:
                graph, run = names[directory], f"TF.js, {mode}"
                nodes = tfjs.describe(Path(directory))["nodes"]
            print(f"| {graph} | {nodes} | {run} | {row['ms']:.2f} | {row['difference']:.0e} |")


if __name__ == "__main__":
    main()
