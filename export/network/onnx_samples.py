"""Random inputs for an ONNX graph, and its outputs in ONNX Runtime."""

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
    """A random value for each input: real numbers from 0 to 1, as of pixels; ids below the number
    of rows of their embedding, or 2; booleans."""
    generator = np.random.default_rng(seed)
    inputs = {}
    for value in true_inputs(model):
        kind = np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
        shape = shapes[value.name]
        if kind.kind == "f":
            inputs[value.name] = generator.uniform(0, 1, shape).astype(kind)
        elif kind.kind == "b":
            inputs[value.name] = generator.integers(0, 2, shape).astype(kind)
        else:
            inputs[value.name] = generator.integers(0, _ids(model, value.name), shape).astype(kind)
    return inputs


def _ids(model: onnx.ModelProto, name: str) -> int:
    """The number of ids: rows of their embedding, or one more than the largest constant that they
    are compared with; 2 if there is neither."""
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


def outputs_of_each(model: onnx.ModelProto, inputs: Sequence[dict[str, np.ndarray]],
                    optimized: bool = True) -> list[dict[str, np.ndarray]]:
    """ONNX Runtime's outputs by name, for each element of `inputs`."""
    run = session(model, optimized)
    names = [output.name for output in run.get_outputs()]
    return [dict(zip(names, cast("list[np.ndarray]", run.run(None, each)))) for each in inputs]


def outputs(model: onnx.ModelProto, inputs: dict[str, np.ndarray], optimized: bool = True
            ) -> dict[str, np.ndarray]:
    """ONNX Runtime's outputs by name."""
    return outputs_of_each(model, [inputs], optimized)[0]
