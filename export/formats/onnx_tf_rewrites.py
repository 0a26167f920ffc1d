"""From onnx-tf's NCHW graph to the NHWC graph that browsers run fast, as edits of a GraphDef.

TensorFlow's optimizer (Grappler) folds constants and changes the layout; the functions here rewrite
what it leaves and operations that TF.js does not support.  Each edits the graph in place.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig
from tensorflow.python.grappler import tf_optimizer
from tensorflow.python.training.saver import export_meta_graph

TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


def to_nhwc(graph: GraphDef, outputs: list[str]) -> GraphDef:
    """The same graph in NHWC."""
    drop_index_checks(graph)
    graph = optimize(graph, outputs, ["constfold", "layout", "constfold", "dependency"])
    drop_idle_pools(graph)
    convert_space_to_batch(graph)
    drop_opposite_transposes(graph)
    bias_as_vector(graph)
    integers_as_int32(graph)
    return optimize(graph, outputs, ["dependency"])  # drops unused nodes


def optimize(graph: GraphDef, outputs: list[str], passes: list[str]) -> GraphDef:
    """Run Grappler's `passes` in this order.

    The arithmetic pass is not used: it regroups additions, for example into AddN.
    """
    for node in graph.node:
        node.device = "/device:CPU:0"  # the layout pass skips nodes without a device
    holder = tf.Graph()
    with holder.as_default():
        tf.import_graph_def(graph, name="")
    meta = export_meta_graph(graph_def=graph, graph=holder)
    meta.collection_def["train_op"].node_list.value.extend(f"{name}:0" for name in outputs)
    config = ConfigProto()
    options = config.graph_options.rewrite_options
    options.optimizers.extend(passes)
    options.meta_optimizer_iterations = RewriterConfig.ONE
    options.min_graph_nodes = -1  # optimize small graphs too
    options.cpu_layout_conversion = RewriterConfig.NCHW_TO_NHWC
    graph = tf_optimizer.OptimizeGraph(config, meta)
    for node in graph.node:
        node.device = ""
    return graph


class _Index:
    """The nodes of a graph by name, with edits of their connections."""

    def __init__(self, graph: GraphDef) -> None:
        self.graph = graph
        self.nodes = {node.name: node for node in graph.node}

    def __getitem__(self, name: str) -> NodeDef:
        return self.nodes[name.lstrip("^").split(":")[0]]

    def value(self, name: str) -> np.ndarray:
        """The value of a constant."""
        node = self[name]
        assert node.op == "Const", f"{name} is the result of {node.op}"
        return tf.make_ndarray(node.attr["value"].tensor)

    def bypass(self, node: NodeDef, source: str, exclude: str = "") -> None:
        """Connect all readers of `node`, except `exclude`, to `source`."""
        for other in self.graph.node:
            for position, name in enumerate(other.input):
                if self[name] is node and other.name != exclude:
                    other.input[position] = source

    def constant(self, name: str, value: np.ndarray) -> str:
        node = self.graph.node.add(name=name, op="Const")
        node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        self.nodes[name] = node
        return name

    def transpose(self, name: str, source: str, order: list[int]) -> str:
        permutation = self.constant(f"{name}/order", np.array(order, np.int32))
        node = self.graph.node.add(name=name, op="Transpose", input=[source, permutation])
        node.attr["T"].type = tf.float32.as_datatype_enum
        node.attr["Tperm"].type = tf.int32.as_datatype_enum
        self.nodes[name] = node
        return name


def drop_index_checks(graph: GraphDef) -> None:
    """Remove the assertions and the wrapping of negative indices from Gather: browsers have no
    assertions.

    All control inputs go: a graph without state does not depend on the order of execution.
    """
    index = _Index(graph)
    for node in graph.node:
        node.input[:] = [name for name in node.input if not name.startswith("^")]
        if node.op == "GatherV2" and (wrapped := index[node.input[1]]).op == "FloorMod":
            shifted = index[wrapped.input[0]]
            if shifted.op == "AddV2" and shifted.input[1] == wrapped.input[1]:
                node.input[1] = shifted.input[0]


def convert_space_to_batch(graph: GraphDef) -> None:
    """Convert SpaceToBatchND and its inverse, for dilation, between transposes to NHWC."""
    index = _Index(graph)
    for node in list(graph.node):
        if node.op not in ("SpaceToBatchND", "BatchToSpaceND"):
            continue
        block, edges = index.value(node.input[1]), index.value(node.input[2])
        if len(block) != 3 or block[0] != 1 or edges[0].any():  # (C, H, W) with C unchanged
            continue
        after = index.transpose(f"{node.name}/to_nchw", node.name, TO_NCHW)
        index.bypass(node, after, exclude=after)
        node.input[:] = [
            index.transpose(f"{node.name}/to_nhwc", node.input[0], TO_NHWC),
            index.constant(f"{node.name}/block", block[1:]),
            index.constant(f"{node.name}/edges", edges[1:]),
        ]


def drop_idle_pools(graph: GraphDef) -> None:
    """Remove 1x1 pools with stride 1."""
    index = _Index(graph)
    for node in [node for node in graph.node if node.op == "MaxPool"]:
        if {*node.attr["ksize"].list.i, *node.attr["strides"].list.i} == {1}:
            index.bypass(node, node.input[0])


def drop_opposite_transposes(graph: GraphDef) -> None:
    """Remove pairs of transposes that cancel."""
    index = _Index(graph)
    for node in graph.node:
        source = index[node.input[0]] if node.op == "Transpose" else None
        if source is not None and source.op == "Transpose":
            first, second = (index.value(t.input[1]) for t in (source, node))
            if (first[second] == np.arange(len(first))).all():
                index.bypass(node, source.input[0])


def bias_as_vector(graph: GraphDef) -> None:
    """Replace a per-channel constant added to a convolution or product by a BiasAdd of rank 1, the
    only form that TF.js fuses."""
    index = _Index(graph)
    for node in list(graph.node):
        if node.op != "AddV2":
            continue
        for own, other in (node.input, reversed(node.input)):
            if (index[own].op not in ("Conv2D", "DepthwiseConv2dNative", "MatMul")
                    or index[other].op != "Const"):
                continue
            bias = index.value(other)
            if bias.size == bias.shape[-1] > 0:
                node.op = "BiasAdd"
                node.attr["data_format"].s = b"NHWC"
                node.input[:] = [own, index.constant(f"{node.name}/bias", bias.reshape(-1))]
                break


# Integer inputs by operation: position, and attribute of the type.
_INTEGERS = {"Pad": (1, "Tpaddings"), "PadV2": (1, "Tpaddings"), "SplitV": (1, "Tlen")}


def integers_as_int32(graph: GraphDef) -> None:
    """Narrow 64-bit integers, which TF.js lacks: its converter narrows constants, but not the
    types of their readers."""
    index = _Index(graph)
    for node in [node for node in graph.node if node.op in _INTEGERS]:
        position, attribute = _INTEGERS[node.op]
        if node.attr[attribute].type == tf.int64.as_datatype_enum:
            value = index.value(node.input[position]).astype(np.int32)
            node.input[position] = index.constant(f"{node.name}/{attribute}", value)
            node.attr[attribute].type = tf.int32.as_datatype_enum
