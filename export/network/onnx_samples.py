"""Inputs for an ONNX graph of which nothing but their shapes is known, and its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.network.onnx_file import true_inputs

if TYPE_CHECKING:
    import onnxruntime


def samples(model: onnx.ModelProto, shapes: dict[str, list[int]], seed: int
            ) -> dict[str, np.ndarray]:
    """One input of each name: real numbers from 0 to 1, as pixels are; ids below the number of
    rows that they are looked up in, or 2; both truth values."""
    generator = np.random.default_rng(seed)
    made = {}
    for value in true_inputs(model):
        kind = np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
        shape = shapes[value.name]
        if kind.kind == "f":
            made[value.name] = generator.uniform(0, 1, shape).astype(kind)
        elif kind.kind == "b":
            made[value.name] = generator.integers(0, 2, shape).astype(kind)
        else:
            made[value.name] = generator.integers(0, _ids(model, value.name), shape).astype(kind)
    return made


def _ids(model: onnx.ModelProto, name: str) -> int:
    """How many ids there are: rows of the table that they are looked up in, or one more than
    the largest that they are compared with; 2 where neither is."""
    rows = {init.name: init for init in model.graph.initializer}
    seen = {name}
    for node in model.graph.node:
        if node.op_type in ("Cast", "Reshape", "Unsqueeze", "Squeeze", "Identity", "Expand") \
                and node.input[0] in seen:
            seen.update(node.output)
        if node.op_type == "Gather" and node.input[1] in seen and node.input[0] in rows:
            axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
            return rows[node.input[0]].dims[axis]
        if node.op_type == "Equal" and seen & set(node.input):
            other = next((rows[name] for name in node.input if name in rows), None)
            if other is not None:
                return max(2, int(numpy_helper.to_array(other).max()) + 1)
    return 2


def session(model: onnx.ModelProto, optimized: bool = True) -> onnxruntime.InferenceSession:
    """The graph in ONNX Runtime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options,
                                        ["CPUExecutionProvider"])


def outputs_of_each(model: onnx.ModelProto, given: Sequence[dict[str, np.ndarray]],
                    optimized: bool = True) -> list[dict[str, np.ndarray]]:
    """What ONNX Runtime makes of each of several inputs by name."""
    run = session(model, optimized)
    names = [output.name for output in run.get_outputs()]
    return [dict(zip(names, cast("list[np.ndarray]", run.run(None, each)))) for each in given]


def outputs(model: onnx.ModelProto, given: dict[str, np.ndarray], optimized: bool = True
            ) -> dict[str, np.ndarray]:
    """What ONNX Runtime makes of inputs by name."""
    return outputs_of_each(model, [given], optimized)[0]
