"""The node tests of the onnx package, run by the converter of this package and by onnx-tf.

    python -m benchmarks.conformance                 # every case of every operation
    python -m benchmarks.conformance --only Resize   # the cases of some operations

A case is a graph of one node with inputs and expected outputs.  It passes, computes wrong outputs,
is refused by name, or ends in another error.  The outputs of this package are those of a reloaded
SavedModel, onnx-tf runs in Python.  onnx-tf supports opsets up to 17; it gets a case in that opset
if ONNX Runtime still computes the expected outputs.  Cases with text or complex numbers, which no
browser runtime supports, are left out.
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
    """The outputs of this package's SavedModel, reloaded."""
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write_saved_model(model, Path(folder))
        return saved_model.load(Path(folder))(inputs)


def by_onnx_tf(model: onnx.ModelProto, inputs: Arrays) -> Arrays:
    """The outputs of onnx-tf's graph, without the rewrites of this package."""
    values = shims.onnx_tf().prepare(model, logging_level="ERROR").run(inputs)
    return {each.name: np.asarray(value) for each, value in zip(model.graph.output, values)}


ROUTES = {"zoo": by_zoo, "onnx-tf": by_onnx_tf}
VERDICTS = ("passes", "wrong", "refused", "error")
_OLDER = 17  # the newest opset of onnx-tf
_CPU = ["CPUExecutionProvider"]


def older(name: str, model: onnx.ModelProto, inputs: Arrays, expected: Arrays) -> onnx.ModelProto:
    """The graph in opset 17, if ONNX Runtime computes the expected outputs from it."""
    if next((each.version for each in model.opset_import if each.domain == ""), 0) <= _OLDER:
        return model
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    for each in copy.opset_import:
        each.version = _OLDER if each.domain == "" else each.version
    copy.ir_version = min(copy.ir_version, 8)
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=_CPU)
        computed = session.run([*expected], inputs)
        node_cases.check(name, dict(zip(expected, computed)), expected)
    except Exception:  # the operation is missing or different in opset 17
        return model
    return copy


def verdict(name: str, route: str) -> str:
    """One of VERDICTS, and the error if there is one."""
    for model, inputs, expected in node_cases.graphs(name):
        if route == "onnx-tf":
            model = older(name, model, inputs, expected)
        try:
            with captured():
                outputs = ROUTES[route](model, inputs)
        except (UnsupportedNodeError, NotImplementedError, unittest.SkipTest) as error:
            return f"refused: {error}"
        except Exception as error:  # every case gets a verdict
            return f"error: {type(error).__name__}: {error}"
        try:
            node_cases.check(name, outputs, expected)
        except AssertionError as error:
            return f"wrong: {error}"
    return "passes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="OPERATION", help="default: all")
    parser.add_argument("--routes", nargs="+", default=list(ROUTES), choices=ROUTES)
    parser.add_argument("--verbose", action="store_true", help="print every case that fails")
    options = parser.parse_args()
    claimed = set(node_cases.claimed())
    names = [name for name in node_cases.on_numbers()
             if not options.only or any(node.op_type in options.only for node in
                                      node_cases.all_cases()[name].model.graph.node)]
    if not names:
        parser.error(f"no case of {', '.join(options.only)}")
    rows = []
    for route in options.routes:
        counts: collections.Counter[str] = collections.Counter()
        passed = 0  # of the operations with a converter
        for number, name in enumerate(names):
            if name in claimed or route != "zoo":
                result = verdict(name, route)
            else:
                result = "refused: an operation without a converter"
            counts[result.partition(":")[0]] += 1
            passed += result == "passes" and name in claimed
            if options.verbose and result != "passes":
                print(route, name, " ".join(result.split())[:200], flush=True)
            elif number % 100 == 0:
                print(f"{route}: {number} of {len(names)}", file=sys.stderr, flush=True)
        rows.append((route, *(counts[each] for each in VERDICTS), len(names),
                     f"{passed} of {len(claimed & set(names))}"))
    columns = ("converter", *VERDICTS, "cases", f"of the {len(OPERATIONS)} converted operations")
    print_table(columns, rows, right=columns[1:])


if __name__ == "__main__":
    main()
