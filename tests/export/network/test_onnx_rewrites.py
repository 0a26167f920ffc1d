"""Rewrites of an ONNX graph do not change its outputs in ONNX Runtime."""

import numpy as np
import onnx
import pytest

from export.network import onnx_rewrites
from export.network.onnx_samples import outputs
from tests.export.converter.graphs import model, node, weight

NORM = {"s": np.abs(weight(8)) + 0.5, "b": weight(8), "m": weight(8, seed=1),
        "v": np.abs(weight(8, seed=2)) + 0.3}
BATCH_NORM = node("BatchNormalization", "c s b m v", "y", epsilon=1e-3)
FOLDED = {
    "a convolution": (node("Conv", "x w", "c"), [2, 3, 6, 6], {"w": weight(8, 3, 3, 3)}),
    "a grouped one with a bias": (node("Conv", "x w k", "c", group=2), [2, 4, 6],
                                  {"w": weight(8, 2, 3), "k": weight(8, seed=3)}),
    "a transposed one": (node("ConvTranspose", "x w", "c", strides=[2, 2]), [2, 3, 6, 6],
                         {"w": weight(3, 8, 3, 3)}),
    "a transposed one in groups": (node("ConvTranspose", "x w k", "c", group=2), [2, 4, 6, 6],
                                   {"w": weight(4, 4, 2, 2), "k": weight(8, seed=3)}),
    "a Gemm": (node("Gemm", "x w", "c", alpha=2.0), [2, 3], {"w": weight(3, 8)}),
    "a Gemm with a bias": (node("Gemm", "x w k", "c", transB=1, beta=0.5), [2, 3],
                           {"w": weight(8, 3), "k": weight(1, 8, seed=3)}),
}


def operations(graph):
    return [each.op_type for each in graph.graph.node]


def check(graph, shape):
    """Apply the rewrites, and compare with the original graph in ONNX Runtime."""
    before = onnx.ModelProto.FromString(graph.SerializeToString())
    done = onnx_rewrites.apply(graph)
    x = weight(*shape, seed=7)
    wanted, found = (outputs(each, {"x": x}, optimized=False)["y"] for each in (before, graph))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())
    return done


@pytest.mark.parametrize("name", FOLDED)
def test_batch_norm_is_folded_into(name):
    maker, shape, weights = FOLDED[name]
    graph = model([maker, BATCH_NORM], {"x": shape}, ["y"], weights | NORM)
    assert check(graph, shape) == 1
    assert operations(graph) == [maker.op_type]


KEPT = {
    "read by others": ([node("Conv", "x w", "c"), node("BatchNormalization", "c s b m v", "n"),
                        node("Add", "c n", "y")], {"w": weight(8, 3, 1, 1)}),
    "after a ReLU": ([node("Conv", "x w", "d"), node("Relu", "d", "c"), BATCH_NORM],
                     {"w": weight(8, 3, 1, 1)}),
    "of filters that are computed": ([node("Neg", "v2", "w"), node("Conv", "x w", "c"), BATCH_NORM],
                                     {"v2": weight(8, 3, 1, 1)}),
}


@pytest.mark.parametrize("name", KEPT)
def test_batch_norm_that_cannot_be_folded_stays(name):
    nodes, weights = KEPT[name]
    graph = model(nodes, {"x": [2, 3, 4, 4]}, ["y"], weights | NORM)
    assert check(graph, [2, 3, 4, 4]) == 0
    assert "BatchNormalization" in operations(graph)


def test_a_gemm_whose_bias_has_rows_keeps_its_batch_norm():
    graph = model([node("Gemm", "x w k", "c"), BATCH_NORM], {"x": [2, 3]}, ["y"],
                  {"w": weight(3, 8), "k": weight(2, 8)} | NORM)
    assert check(graph, [2, 3]) == 0


def test_dead_nodes_are_removed():
    graph = model([node("Sqrt", "x", "a"), node("Relu", "x", "y"), node("Neg", "a", "dead")],
                  {"x": [2, 3]}, ["y"])
    assert check(graph, [2, 3]) == 2
    assert operations(graph) == ["Relu"]
