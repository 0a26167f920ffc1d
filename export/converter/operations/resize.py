"""Resize and Upsample.

What ONNX's many modes compute along an axis is a matrix, (sizes after, sizes before).  It is
taken from ONNX's own reference implementation; where it is what TensorFlow's ResizeBilinear or
ResizeNearestNeighbor does, that is written, elsewhere the few pixels that each row weighs are
looked up and added.
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
        raise node.refuse("coordinates of tf_crop_and_resize")
    axes = [axis % x.rank for axis in node.get("axes") or range(x.rank)]
    factors = None if scales is None or scales.size == 0 else scales.array.tolist()
    targets = None if factors or sizes is None else sizes.array.tolist()
    if factors is None and targets is None:
        raise node.refuse("neither scales nor sizes")
    if targets:
        targets = _kept_in_proportion(node, x, axes, targets)
    matrices = {}
    for place, axis in enumerate(axes):
        size = x.shape[axis]
        factor = factors[place] if factors and not targets else None
        target = targets[place] if targets else None
        if factor == 1 or target is not None and target == size:
            continue
        if size is None:
            raise node.refuse("of the batch, which is open")
        matrices[axis] = _matrix(node, size, factor, target)
    if x.rank == 4 and set(matrices) <= {2, 3}:
        own = _tensorflow_own(x, matrices)
        if own is not None:
            return own
    order = channels_last(x.rank) if x.rank > 2 else x.order
    tensor = x.lying(order)
    for axis, matrix in matrices.items():
        tensor = _weighed(tensor, order.index(axis), matrix)
    return Value(tensor, order)


def _kept_in_proportion(node: Node, x: Value, axes: list[int], targets: list[int]
                        ) -> list[int]:
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return targets
    ratios = [target / x.length(axis) for target, axis in zip(targets, axes)]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return [int(scale * x.length(axis) + 0.5) for axis in axes]


def _matrix(node: Node, size: int, factor: float | None, target: int | None) -> np.ndarray:
    """What the node does along an axis of `size`, by ONNX's reference on unit vectors."""
    kept = {"coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "mode",
            "nearest_mode", "antialias"}
    attributes = {name: value for name, value in node.attributes.items() if name in kept}
    version = max(node.opset, 19)
    if node.op_type == "Upsample" or node.version == 10:
        attributes |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    # The identity, an image of one column for each unit vector, resized along its rows.
    inputs = ["x", "", "scales"] if target is None else ["x", "", "", "sizes"]
    made = helper.make_node("Resize", inputs, ["y"], axes=[1], **attributes)
    values = [helper.make_tensor_value_info(name, kind, None) for name, kind in (
        ("x", onnx.TensorProto.DOUBLE),
        ("scales", onnx.TensorProto.FLOAT) if target is None else
        ("sizes", onnx.TensorProto.INT64))]
    graph = helper.make_graph([made], "resize", values, [
        helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", min(version, 19))])
    given = {"scales": np.array([factor], np.float32)} if target is None else \
        {"sizes": np.array([target], np.int64)}
    results = cast("list[np.ndarray]", ReferenceEvaluator(model).run(
        None, {"x": np.eye(size), **given}))
    return results[0].T


def _tensorflow_own(x: Value, matrices: dict[int, np.ndarray]) -> Value | None:
    """ResizeNearestNeighbor or ResizeBilinear, where it computes these matrices."""
    image = x.lying(channels_last(4))
    wanted = [matrices.get(axis) for axis in (2, 3)]
    sizes = [len(m) if m is not None else x.shape[axis] for m, axis in zip(wanted, (2, 3))]
    for function, settings in (
            (tf.raw_ops.ResizeNearestNeighbor, {}), (tf.raw_ops.ResizeBilinear, {}),
            (tf.raw_ops.ResizeBilinear, {"half_pixel_centers": True}),
            (tf.raw_ops.ResizeBilinear, {"align_corners": True})):
        if all(_does(function, settings, matrix) for matrix in wanted if matrix is not None):
            return Value(function(images=image, size=sizes, **settings), channels_last(4))
    return None


def _does(function: Callable[..., tf.Tensor], settings: dict[str, bool], matrix: np.ndarray
          ) -> bool:
    after, before = matrix.shape
    with tf.init_scope():  # now, not in the graph
        units = np.eye(before, dtype=np.float32)[:, :, None, None]
        found = function(images=units, size=[after, 1], **settings).numpy()[:, :, 0, 0].T
    return np.abs(found - matrix).max() < 1e-6


def _weighed(tensor: tf.Tensor, place: int, matrix: np.ndarray) -> tf.Tensor:
    """Each row of the result as a sum of the rows that it weighs."""
    count = max(1, int((matrix != 0).sum(1).max()))
    taken = np.argsort(matrix == 0, axis=1, kind="stable")[:, :count].astype(np.int32)
    weights = np.take_along_axis(matrix, taken, 1).astype(np.float32)
    shape = [1] * tensor.shape.rank
    shape[place] = len(matrix)
    parts: list[Any] = []
    for rows, factor in zip(taken.T, weights.T):
        part = tf.gather(tensor, rows, axis=place)
        parts.append(part if (factor == 1).all() else part * factor.reshape(shape))
    return reduce(tf.add, parts)
