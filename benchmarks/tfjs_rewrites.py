"""What makes a small network faster in TF.js: the same graph before and after, in one run of Node.

    python -m benchmarks.tfjs_rewrites                  # DARTS_V2 of CIFAR-10, as it is shipped
    python -m benchmarks.tfjs_rewrites --cell NASNet

Pools with a stride are padded by hand, or taken at every pixel and thinned out
(`export.converter.operations.pooling`); the graph is walked by TensorFlow.js, or its kernels are
replayed (`web_demo/src/runtime/recorded.ts`).  ONNX Runtime Web runs the ONNX file.  On wasm,
one thread, one image; processor time, which other programs disturb little, in medians of 60 turns
of 10 runs.
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

#: The graphs that are compared, and whether their pools are thinned out.
GRAPHS = {"pools padded by hand": False, "pools thinned out": True}


def export(cell: str, data: str, folder: Path) -> dict[str, Path]:
    """The TF.js files of each graph, and model.onnx beside them."""
    from export.converter.operations import pooling

    directories = {}
    for place, (name, thinned) in enumerate(GRAPHS.items()):
        source = find(cell, BuildOptions(data=data))
        rule = pooling._is_thinned if thinned else lambda *_: False
        with captured(), mock.patch.object(pooling, "_is_thinned", rule):
            build(source, ["onnx", "tfjs"], folder / str(place))
        directories[name] = folder / str(place) / "tfjs"
    (folder / "model.onnx").symlink_to(folder / "0/onnx/model.onnx")
    return directories


def measure(folder: Path, directories: list[Path]) -> list[dict]:
    """Of each way to run: name, ms, difference from the first."""
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    (folder / "recorded.ts").write_bytes((HERE / "src/runtime/recorded.ts").read_bytes())
    subprocess.run(["node", "node_modules/.bin/tsc", "--module", "commonjs", "--target", "es2022",
                    "--lib", "es2023,dom", "--skipLibCheck", "recorded.ts"], cwd=folder, check=True)
    script = Path(__file__).with_suffix(".cjs")
    ran = subprocess.run(["node", "--single-threaded", str(script), str(folder),
                          *map(str, directories)], check=True, capture_output=True, text=True)
    return json.loads(ran.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", default="DARTS_V2")
    parser.add_argument("--data", default="cifar10")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        directories = export(given.cell, given.data, folder)
        rows = measure(folder, list(directories.values()))
        names = {str(directory): name for name, directory in directories.items()}
        print("| graph | nodes | run | ms | max difference |\n|---|---:|---|---:|---:|")
        for row in rows:
            directory, _, how = row["name"].rpartition(" ")
            graph, nodes, run = "", "", row["name"]
            if directory in names:
                graph, run = names[directory], f"TF.js, {how}"
                nodes = tfjs.describe(Path(directory))["nodes"]
            print(f"| {graph} | {nodes} | {run} | {row['ms']:.2f} | {row['difference']:.0e} |")


if __name__ == "__main__":
    main()
