"""From onnx-tf's NCHW graph to the NHWC graph that a browser runs fast, as edits of a GraphDef.

TensorFlow's own optimizer (Grappler) folds the constants and turns the layout; what it leaves,
or what TF.js does not know how to run, is rewritten here.  Each rewrite edits a graph in place.
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
    turn_space_to_batch(graph)
    drop_opposite_transposes(graph)
    bias_as_vector(graph)
    integers_as_int32(graph)
    return optimize(graph, outputs, ["dependency"])  # what is no longer read


def optimize(graph: GraphDef, outputs: list[str], passes: list[str]) -> GraphDef:
    """Grappler's `passes`, in this order.

    Its arithmetic pass stays out: it regroups additions, into AddN among others.
    """
    for node in graph.node:
        node.device = "/device:CPU:0"  # the layout pass looks at placed nodes only
    holder = tf.Graph()
    with holder.as_default():
        tf.import_graph_def(graph, name="")
    meta = export_meta_graph(graph_def=graph, graph=holder)
    meta.collection_def["train_op"].node_list.value.extend(f"{name}:0" for name in outputs)
    config = ConfigProto()
    options = config.graph_options.rewrite_options
    options.optimizers.extend(passes)
    options.meta_optimizer_iterations = RewriterConfig.ONE
    options.min_graph_nodes = -1  # small graphs too
    options.cpu_layout_conversion = RewriterConfig.NCHW_TO_NHWC
    graph = tf_optimizer.OptimizeGraph(config, meta)
    for node in graph.node:
        node.device = ""
    return graph


class _Index:
    """The nodes of a graph by name, and who reads whom."""

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

    def bypass(self, node: NodeDef, source: str, but: str = "") -> None:
        """Whoever reads `node`, `but` one, reads `source`."""
        for other in self.graph.node:
            for position, name in enumerate(other.input):
                if self[name] is node and other.name != but:
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
    """Gather without assertions, which no browser has, and without wrapping negative indices.

    The graph has no state, so nothing else depends on the order of execution.
    """
    index = _Index(graph)
    for node in graph.node:
        node.input[:] = [name for name in node.input if not name.startswith("^")]
        if node.op == "GatherV2" and (wrapped := index[node.input[1]]).op == "FloorMod":
            shifted = index[wrapped.input[0]]
            if shifted.op == "AddV2" and shifted.input[1] == wrapped.input[1]:
                node.input[1] = shifted.input[0]


def turn_space_to_batch(graph: GraphDef) -> None:
    """SpaceToBatchND and its inverse, which carry dilation, on (N, H, W, C) between transposes."""
    index = _Index(graph)
    for node in list(graph.node):
        if node.op not in ("SpaceToBatchND", "BatchToSpaceND"):
            continue
        block, edges = index.value(node.input[1]), index.value(node.input[2])
        if len(block) != 3 or block[0] != 1 or edges[0].any():  # (C, H, W), C as it is
            continue
        after = index.transpose(f"{node.name}/to_nchw", node.name, TO_NCHW)
        index.bypass(node, after, but=after)
        node.input[:] = [
            index.transpose(f"{node.name}/to_nhwc", node.input[0], TO_NHWC),
            index.constant(f"{node.name}/block", block[1:]),
            index.constant(f"{node.name}/edges", edges[1:]),
        ]


def drop_idle_pools(graph: GraphDef) -> None:
    """A pool of single pixels that leaves none out."""
    index = _Index(graph)
    for node in [node for node in graph.node if node.op == "MaxPool"]:
        if {*node.attr["ksize"].list.i, *node.attr["strides"].list.i} == {1}:
            index.bypass(node, node.input[0])


def drop_opposite_transposes(graph: GraphDef) -> None:
    """A transpose of a transpose that brings back what was."""
    index = _Index(graph)
    for node in graph.node:
        source = index[node.input[0]] if node.op == "Transpose" else None
        if source is not None and source.op == "Transpose":
            first, second = (index.value(t.input[1]) for t in (source, node))
            if (first[second] == np.arange(len(first))).all():
                index.bypass(node, source.input[0])


def bias_as_vector(graph: GraphDef) -> None:
    """A constant a channel added to a convolution or a product is a BiasAdd of rank 1: TF.js
    fuses nothing else."""
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


# Where the operations take integers: position and attribute of the type.
_INTEGERS = {"Pad": (1, "Tpaddings"), "PadV2": (1, "Tpaddings"), "SplitV": (1, "Tlen")}


def integers_as_int32(graph: GraphDef) -> None:
    """TF.js has no 64-bit integers: its converter narrows a constant, but not what reads it."""
    index = _Index(graph)
    for node in [node for node in graph.node if node.op in _INTEGERS]:
        position, attribute = _INTEGERS[node.op]
        if node.attr[attribute].type == tf.int64.as_datatype_enum:
            value = index.value(node.input[position]).astype(np.int32)
            node.input[position] = index.constant(f"{node.name}/{attribute}", value)
            node.attr[attribute].type = tf.int32.as_datatype_enum
