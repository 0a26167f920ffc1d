"""The node tests of the onnx package through our converter and onnx-tf, both in one run.

    python -m benchmarks.conformance                 # every case of every operation
    python -m benchmarks.conformance --only Resize   # the cases of some operations

A case is a graph of one node with inputs and expected outputs.  Ours runs from a SavedModel that is
loaded again, onnx-tf's in Python as it made it.  A case passes, computes other numbers, is refused
by name, or ends in another error.
onnx-tf knows opsets up to 17; it gets a case with that opset if ONNX Runtime then still computes
the expected outputs.  Cases on text and complex numbers are left out: no browser runtime has them.
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import export  # noqa: F401  (sets environment variables that TensorFlow reads on import)
from export.converter.node import OPERATIONS, UnsupportedNodeError
from export.formats import saved_model, shims
from export.formats.arrays import Arrays
from export.logs import captured
from tests.export.converter import node_cases
from zoo.commands.table import print_table


def by_zoo(model: onnx.ModelProto, inputs: Arrays) -> Arrays:
    """The outputs of our SavedModel, loaded again."""
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write_saved_model(model, Path(folder))
        return saved_model.load(Path(folder))(inputs)


def by_onnx_tf(model: onnx.ModelProto, inputs: Arrays) -> Arrays:
    """The outputs of the graph that onnx-tf makes, without our rewrites."""
    found = shims.onnx_tf().prepare(model, logging_level="ERROR").run(inputs)
    return {each.name: np.asarray(value) for each, value in zip(model.graph.output, found)}


ROUTES = {"zoo": by_zoo, "onnx-tf": by_onnx_tf}
VERDICTS = ("passes", "wrong", "refused", "error")
_OLDER = 17  # the newest opset of onnx-tf
_CPU = ["CPUExecutionProvider"]


def older(name: str, model: onnx.ModelProto, inputs: Arrays, expected: Arrays) -> onnx.ModelProto:
    """The graph with opset 17, if ONNX Runtime computes the expected outputs from that too."""
    if next((each.version for each in model.opset_import if each.domain == ""), 0) <= _OLDER:
        return model
    found = onnx.ModelProto.FromString(model.SerializeToString())
    for each in found.opset_import:
        each.version = _OLDER if each.domain == "" else each.version
    found.ir_version = min(found.ir_version, 8)
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(found.SerializeToString(), options, providers=_CPU)
        computed = session.run([*expected], inputs)
        node_cases.check(name, dict(zip(expected, computed)), expected)
    except Exception:  # it means something else there, or nothing
        return model
    return found


def verdict(name: str, route: str) -> str:
    """One of VERDICTS, and the error if there is one."""
    for model, inputs, expected in node_cases.graphs(name):
        if route == "onnx-tf":
            model = older(name, model, inputs, expected)
        try:
            with captured():
                found = ROUTES[route](model, inputs)
        except (UnsupportedNodeError, NotImplementedError, unittest.SkipTest) as error:
            return f"refused: {error}"
        except Exception as error:  # every case gets a verdict
            return f"error: {type(error).__name__}: {error}"
        try:
            node_cases.check(name, found, expected)
        except AssertionError as error:
            return f"wrong: {error}"
    return "passes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="OPERATION", help="default: all")
    parser.add_argument("--routes", nargs="+", default=list(ROUTES), choices=ROUTES)
    parser.add_argument("--verbose", action="store_true", help="print every case that fails")
    given = parser.parse_args()
    claimed = set(node_cases.claimed())
    names = [name for name in node_cases.on_numbers()
             if not given.only or any(node.op_type in given.only for node in
                                      node_cases.all_cases()[name].model.graph.node)]
    if not names:
        parser.error(f"no case is of {', '.join(given.only)}")
    rows = []
    for route in given.routes:
        counts: collections.Counter[str] = collections.Counter()
        of_ours = 0
        for number, name in enumerate(names):
            if name in claimed or route != "zoo":
                found = verdict(name, route)
            else:
                found = "refused: an operation without a converter"
            counts[found.partition(":")[0]] += 1
            of_ours += found == "passes" and name in claimed
            if given.verbose and found != "passes":
                print(route, name, " ".join(found.split())[:200], flush=True)
            elif number % 100 == 0:
                print(f"{route}: {number} of {len(names)}", file=sys.stderr, flush=True)
        rows.append((route, *(counts[each] for each in VERDICTS), len(names),
                     f"{of_ours} of {len(claimed & set(names))}"))
    columns = ("converter", *VERDICTS, "cases", f"of our {len(OPERATIONS)} operations")
    print_table(columns, rows, right=columns[1:])


if __name__ == "__main__":
    main()
