"""Resize and Upsample.

Along an axis, every mode of ONNX is a matrix, (size after, size before), computed by ONNX's
reference implementation.  If TensorFlow's ResizeBilinear or ResizeNearestNeighbor has the same
matrix, it is used; otherwise each row is a weighted sum of gathered pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, cast

import numpy as np
import onnx
import tensorflow as tf
from onnx import helper
from onnx.reference import ReferenceEvaluator

from export.converter.node import Inputs, Node, converts
from export.converter.value import Value, channels_last


@converts("Resize", 10, 11, 13, 18, 19, constant=(1, 2, 3))
def resize(node: Node, inputs: Inputs) -> Value:
    x = inputs[0]
    if node.version == 10:
        scales, sizes = inputs[1], None
    else:
        _, scales, sizes = [*inputs[1:], None, None, None][:3]
    return _resized(node, x, scales, sizes)


@converts("Upsample", 7, 9, 10, constant=(1,))
def upsample(node: Node, inputs: Inputs) -> Value:
    scales = Value(np.array(node.get("scales"), np.float32)) if node.version == 7 else inputs[1]
    return _resized(node, inputs[0], scales, None)


def _resized(node: Node, x: Value, scales: Value | None, sizes: Value | None) -> Value:
    if node.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        raise node.unsupported("coordinates of tf_crop_and_resize")
    axes = [axis % x.rank for axis in node.get("axes") or range(x.rank)]
    factors = None if scales is None or scales.size == 0 else scales.array.tolist()
    targets = None if factors or sizes is None else sizes.array.tolist()
    if factors is None and targets is None:
        raise node.unsupported("neither scales nor sizes")
    if targets:
        targets = _with_aspect_ratio(node, x, axes, targets)
    matrices = {}
    for index, axis in enumerate(axes):
        size = x.shape[axis]
        factor = factors[index] if factors and not targets else None
        target = targets[index] if targets else None
        if factor == 1 or target is not None and target == size:
            continue
        if size is None:
            raise node.unsupported("a resize of an open batch")
        matrices[axis] = _matrix(node, size, factor, target)
    if x.rank == 4 and set(matrices) <= {2, 3}:
        own = _native(x, matrices)
        if own is not None:
            return own
    order = channels_last(x.rank) if x.rank > 2 else x.order
    tensor = x.in_order(order)
    for axis, matrix in matrices.items():
        tensor = _interpolated(tensor, order.index(axis), matrix)
    return Value(tensor, order)


def _with_aspect_ratio(node: Node, x: Value, axes: list[int], targets: list[int]) -> list[int]:
    """The target sizes after the node's aspect ratio policy."""
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return targets
    ratios = [target / x.length(axis) for target, axis in zip(targets, axes)]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return [int(scale * x.length(axis) + 0.5) for axis in axes]


def _matrix(node: Node, size: int, factor: float | None, target: int | None) -> np.ndarray:
    """The matrix of a node along an axis of `size`, by ONNX's reference on unit vectors."""
    kept = {"coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "mode",
            "nearest_mode", "antialias"}
    attributes = {name: value for name, value in node.attributes.items() if name in kept}
    version = max(node.opset, 19)
    if node.op_type == "Upsample" or node.version == 10:
        attributes |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    # The identity, a row per unit vector, resized along its rows.
    inputs = ["x", "", "scales"] if target is None else ["x", "", "", "sizes"]
    resizing = helper.make_node("Resize", inputs, ["y"], axes=[1], **attributes)
    values = [helper.make_tensor_value_info(name, kind, None) for name, kind in (
        ("x", onnx.TensorProto.DOUBLE),
        ("scales", onnx.TensorProto.FLOAT) if target is None else
        ("sizes", onnx.TensorProto.INT64))]
    graph = helper.make_graph([resizing], "resize", values, [
        helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", min(version, 19))])
    feeds = {"scales": np.array([factor], np.float32)} if target is None else \
        {"sizes": np.array([target], np.int64)}
    results = cast("list[np.ndarray]", ReferenceEvaluator(model).run(
        None, {"x": np.eye(size), **feeds}))
    return results[0].T


def _native(x: Value, matrices: dict[int, np.ndarray]) -> Value | None:
    """ResizeNearestNeighbor or ResizeBilinear if it computes these matrices, else None."""
    image = x.in_order(channels_last(4))
    pair = [matrices.get(axis) for axis in (2, 3)]
    sizes = [len(m) if m is not None else x.shape[axis] for m, axis in zip(pair, (2, 3))]
    for function, settings in (
            (tf.raw_ops.ResizeNearestNeighbor, {}), (tf.raw_ops.ResizeBilinear, {}),
            (tf.raw_ops.ResizeBilinear, {"half_pixel_centers": True}),
            (tf.raw_ops.ResizeBilinear, {"align_corners": True})):
        if all(_equals(function, settings, matrix) for matrix in pair if matrix is not None):
            return Value(function(images=image, size=sizes, **settings), channels_last(4))
    return None


def _equals(function: Callable[..., tf.Tensor], settings: dict[str, bool], matrix: np.ndarray
            ) -> bool:
    """Whether a function of TensorFlow computes `matrix` along an axis."""
    after, before = matrix.shape
    with tf.init_scope():  # eagerly, outside the graph
        units = np.eye(before, dtype=np.float32)[:, :, None, None]
        computed = function(images=units, size=[after, 1], **settings).numpy()[:, :, 0, 0].T
    return np.abs(computed - matrix).max() < 1e-6


def _interpolated(tensor: tf.Tensor, index: int, matrix: np.ndarray) -> tf.Tensor:
    """Each row of the result as a weighted sum of gathered rows."""
    count = max(1, int((matrix != 0).sum(1).max()))
    taken = np.argsort(matrix == 0, axis=1, kind="stable")[:, :count].astype(np.int32)
    weights = np.take_along_axis(matrix, taken, 1).astype(np.float32)
    shape = [1] * tensor.shape.rank
    shape[index] = len(matrix)
    parts: list[Any] = []
    for rows, factor in zip(taken.T, weights.T):
        part = tf.gather(tensor, rows, axis=index)
        parts.append(part if (factor == 1).all() else part * factor.reshape(shape))
    return reduce(tf.add, parts)
