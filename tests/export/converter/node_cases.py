"""ONNX's own node tests, which its package makes: a graph of one node, inputs, and the outputs
that every backend must give."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import onnx
from onnx import numpy_helper

from export.converter.graph import convert
from export.converter.node import OPERATIONS
from export.converter.value import as_narrow

#: What numbers may be of; the runtimes in the browser have no text, complex numbers, and others.
KINDS = {np.dtype(kind) for kind in (
    np.float32, np.float64, np.float16, np.int64, np.int32, np.int16, np.int8, np.uint8, np.uint16,
    np.uint32, np.uint64, np.bool_)}


@cache
def all_cases() -> dict:
    """Every case of the package by name."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy, of casts that overflow on purpose
        return {case.name: case for case in collect_testcases(None)}


@cache
def claimed() -> tuple[str, ...]:
    """The cases of operations that there is a converter for, of numbers."""
    convert(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []),
                                   opset_imports=[onnx.helper.make_opsetid("", 17)]))  # loads all
    return tuple(name for name, case in all_cases().items() if _is_claimed(case.model, case))


def _is_claimed(model: onnx.ModelProto, case) -> bool:
    if model is None or any(node.domain or node.op_type not in OPERATIONS
                            for node in model.graph.node):
        return False
    if "_expanded" in case.name:  # functions in terms of other operations
        return False
    return all(isinstance(value, (np.ndarray, np.generic)) and np.asarray(value).dtype in KINDS
               for inputs, outputs in case.data_sets for value in [*inputs, *outputs])


def run(name: str, traced: bool = False) -> None:
    """Convert a case and compare; raises UnsupportedNodeError, or AssertionError."""
    import tensorflow as tf

    case = all_cases()[name]
    for inputs, outputs in case.data_sets:
        model = onnx.ModelProto.FromString(case.model.SerializeToString())
        given = dict(zip([value.name for value in model.graph.input], inputs))
        fixed = {node.input[place] for node in model.graph.node
                 for place in OPERATIONS[node.op_type].constant if place < len(node.input)}
        model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), key)
                                       for key, value in given.items() if key in fixed)
        function = convert(model)
        open_inputs = {key: tf.constant(as_narrow(np.asarray(value)))
                       for key, value in given.items() if key not in fixed}
        found = (tf.function(function, autograph=False) if traced else function)(**open_inputs)
        for value, expected in zip(model.graph.output, outputs):
            np.testing.assert_allclose(
                np.asarray(found[value.name]).astype(np.float64),
                np.asarray(as_narrow(np.asarray(expected))).astype(np.float64),
                rtol=max(case.rtol, 1e-5) if np.asarray(expected).dtype != np.float16 else 2e-3,
                atol=max(case.atol, 1e-6))
            assert found[value.name].shape.as_list() == list(np.asarray(expected).shape)
