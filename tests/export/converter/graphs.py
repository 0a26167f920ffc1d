"""Small ONNX graphs to convert."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def model(nodes, inputs, outputs, weights=None, opset=17, kind=TensorProto.FLOAT):
    """A graph of `nodes`; `inputs` are shapes by name, `outputs` names, `weights` arrays."""
    graph = helper.make_graph(
        nodes, "graph", [helper.make_tensor_value_info(name, kind, shape)
                         for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def weight(*shape, seed=0, kind=np.float32):
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(kind)


def node(op_type, inputs, outputs, **attributes):
    return helper.make_node(op_type, inputs.split(), outputs.split(), f"/{outputs.split()[0]}",
                            **attributes)


def classifier(batch="batch", size=8, opset=17):
    """Convolution, batch-norm, ReLU, a residual, a grouped convolution, pool, linear layer."""
    weights = {"w1": weight(8, 3, 3, 3), "scale": np.abs(weight(8)) + 1, "shift": weight(8),
               "mean": weight(8, seed=1), "var": np.abs(weight(8, seed=2)) + 1,
               "w2": weight(8, 2, 3, 3, seed=3), "w3": weight(5, 8, seed=4), "b3": weight(5)}
    nodes = [node("Conv", "x w1", "c1", pads=[1, 1, 1, 1]),
             node("BatchNormalization", "c1 scale shift mean var", "n1"),
             node("Relu", "n1", "r1"),
             node("Conv", "r1 w2", "c2", group=4, auto_pad="SAME_UPPER"),
             node("Add", "c2 r1", "a2"),
             node("MaxPool", "a2", "p2", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
             node("GlobalAveragePool", "p2", "g2"), node("Flatten", "g2", "f2"),
             node("Gemm", "f2 w3 b3", "logits", transB=1)]
    return model(nodes, {"x": [batch, 3, size, size]}, ["logits"], weights, opset)
