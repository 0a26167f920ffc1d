"""Transposes are written only where they are needed; the outputs equal ONNX Runtime's."""

import collections

import numpy as np
import pytest

import export  # noqa: F401  (its settings are for TensorFlow, which reads them when imported)

tf = pytest.importorskip("tensorflow")
from export.converter.value import Value, identity  # noqa: E402
from export.formats.saved_model import traced  # noqa: E402
from export.network import onnx_samples  # noqa: E402
from tests.export.converter.graphs import classifier, model, node, weight  # noqa: E402

IMAGE = {"x": [2, 8, 6, 6]}
ATTENTION = [
    node("MatMul", "x w", "qkv"), node("Reshape", "qkv heads", "five"),
    node("Transpose", "five", "turned", perm=[2, 0, 3, 1, 4]),
    node("Split", "turned", "q3 k3 v3", axis=0), node("Squeeze", "q3 first", "q"),
    node("Squeeze", "k3 first", "k"), node("Squeeze", "v3 first", "v"),
    node("Transpose", "k", "kt", perm=[0, 1, 3, 2]), node("MatMul", "q kt", "scores"),
    node("Softmax", "scores", "attention", axis=-1), node("MatMul", "attention v", "mixed"),
    node("Transpose", "mixed", "back", perm=[0, 2, 1, 3]), node("Reshape", "back flat", "y")]
WEIGHTS = {
    "w": weight(8, 8, 3, 3), "v": weight(1, 8, 1, 1), "row": weight(6), "scalar": np.float32(2),
    "order": np.array([2, 8, 36]), "pair": np.array([2, 4, 2, 6, 6]), "m": weight(36, 5)}

# (nodes, transposes): the input has ONNX's layout, so one transpose is needed before windows, and
# one at the end if the output is an image.
GRAPHS = {
    "constants are transposed in advance": ([
        node("Conv", "x w", "a"), node("Mul", "a v", "b"), node("Add", "b scalar", "y")], 2),
    "two readers share a transpose": ([
        node("MaxPool", "x", "a", kernel_shape=[1, 1]), node("Conv", "x w", "b", pads=[1] * 4),
        node("Add", "a b", "y")], 2),
    "a sum of the channels": ([
        node("Conv", "x w", "a"), node("ReduceMean", "a", "y", axes=[1], keepdims=0)], 1),
    "softmax over the channels": ([
        node("Conv", "x w", "a"), node("Softmax", "a", "b", axis=1),
        node("ReduceMax", "b", "y", axes=[2, 3], keepdims=0)], 1),
    "elementwise operations keep the order": ([
        node("Relu", "x", "a"), node("Mul", "a row", "b"), node("Sub", "b x", "y")], 0),
    "transposes that cancel": ([
        node("Transpose", "x", "a", perm=[0, 2, 3, 1]), node("Relu", "a", "b"),
        node("Transpose", "b", "y", perm=[0, 3, 1, 2])], 0),
    "channels last by hand around a convolution": ([
        node("Transpose", "x", "a", perm=[0, 3, 1, 2]), node("Conv", "a w6", "b"),
        node("Transpose", "b", "y", perm=[0, 2, 3, 1])], 0),
    "joining neighboring axes": ([
        node("Conv", "x w1", "a"), node("Reshape", "a order", "b"),
        node("Transpose", "b", "y", perm=[0, 2, 1])], 1),
    "splitting the channels": ([
        node("Conv", "x w1", "a"), node("Reshape", "a pair", "b"),
        node("ReduceSum", "b groups", "y", keepdims=0)], 2),
    "a product along the last axis": ([
        node("Reshape", "x order", "a"), node("MatMul", "a m", "y")], 0),
}


def converted(graph):
    """Counts of TensorFlow operations; the outputs must equal those of ONNX Runtime."""
    inputs = onnx_samples.samples(graph, {value.name: [d.dim_value for d in
                                                       value.type.tensor_type.shape.dim]
                                          for value in graph.graph.input}, 0)
    function = traced(graph)
    outputs = function(*map(tf.constant, inputs.values()))
    for name, expected in onnx_samples.outputs(graph, inputs).items():
        np.testing.assert_allclose(outputs[name], expected, rtol=1e-4, atol=1e-5)
    return collections.Counter(op.type for op in function.graph.get_operations())


@pytest.mark.parametrize("name", GRAPHS)
def test_transposes(name):
    nodes, transposes = GRAPHS[name]
    more = {"w6": weight(4, 6, 1, 1), "w1": weight(8, 8, 1, 1), "groups": np.array([2])}
    inputs = {"x": [2, 5, 5, 6]} if "w6" in str(nodes) else IMAGE
    assert converted(model(nodes, inputs, ["y"], WEIGHTS | more))["Transpose"] == transposes


@pytest.mark.parametrize("attributes, shape", [
    ({"group": 8, "strides": [2, 2], "dilations": [2, 2], "pads": [2] * 4}, (8, 1, 3, 3)),
    ({"group": 8, "strides": [2, 2], "dilations": [3, 3], "pads": [3, 1, 2, 4]}, (16, 1, 3, 3)),
    ({"group": 8, "strides": [2, 1]}, (8, 1, 3, 3)),
    ({"group": 4, "strides": [2, 2]}, (8, 2, 3, 3)),
    ({"group": 2, "pads": [1, 0, 0, 1]}, (6, 4, 2, 2)),
    ({"dilations": [2, 2], "pads": [2] * 4}, (4, 8, 3, 3)),
    ({"auto_pad": "SAME_LOWER", "strides": [2, 2]}, (4, 8, 2, 2))])
def test_convolutions_that_browsers_lack(attributes, shape):
    graph = model([node("Conv", "x w b", "y", **attributes)], {"x": [2, 8, 11, 11]}, ["y"],
                  {"w": weight(*shape), "b": weight(shape[0])})
    converted(graph)


@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
@pytest.mark.parametrize("kernel, strides", [((3, 3), (2, 2)), ((5, 3), (3, 2))])
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_pools_with_a_stride_need_no_padding(kind, kernel, strides, size):
    """Except for an average that includes it."""
    half = [k // 2 for k in kernel]
    settings = {"kernel_shape": kernel, "strides": strides, "pads": half * 2}
    graph = model([node(kind, "x", "y", **settings)], {"x": [2, 4, *size]}, ["y"])
    assert not converted(graph).keys() & {"Pad", "PadV2", "Mul"}
    counted = model([node(kind, "x", "y", **settings, **(
        {"count_include_pad": 1} if kind == "AveragePool" else {"ceil_mode": 1}))],
        {"x": [2, 4, *size]}, ["y"])
    converted(counted)


def test_attention_has_no_more_transposes_than_its_file():
    weights = {"w": weight(8, 24), "heads": np.array([2, 5, 3, 2, 4]), "first": np.array([0]),
               "flat": np.array([2, 5, 8])}
    counts = converted(model(ATTENTION, {"x": [2, 5, 8]}, ["y"], weights))
    assert counts["Transpose"] <= sum(each.op_type == "Transpose" for each in ATTENTION)


def test_a_network_of_convolutions_has_one_transpose_for_its_input():
    graph = classifier(batch=2)
    assert converted(graph)["Transpose"] == 1


def test_a_layout_is_computed_once():
    value = Value(tf.zeros([2, 3, 4, 5]))
    assert value.in_order((0, 2, 3, 1)) is value.in_order((0, 2, 3, 1))
    assert value.cost((0, 2, 3, 1)) == 0 and value.cost((3, 2, 1, 0)) == 120
    thin = Value(tf.zeros([2, 3, 1, 1]), (0, 2, 3, 1))
    assert thin.shape == [2, 1, 3, 1] and thin.cost(identity(4)) == 0  # a reshape
