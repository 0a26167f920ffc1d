"""The onnx-tf route against the default converter on the same cells: same outputs, clean graphs."""

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

from export.converter.node import UnsupportedNodeError
from export.converter.window import same_padding
from export.formats import onnx as onnx_hop
from export.formats import shims
from export.network.deploy import deploy
from zoo import create_model
from zoo.artifact.manifest import Input

pytest.importorskip("tensorflow")
from export.formats import onnx_tf, saved_model, tfjs  # noqa: E402

if (reason := onnx_tf.available()) is not None:
    pytest.skip(reason, allow_module_level=True)

LIMIT = 1e-5
ROUTES = {"zoo": saved_model.write_saved_model, "onnx-tf": onnx_tf.write_saved_model}

# (cell, size, input channels); all but the first few are slow.
CELLS = [
    ("DARTS", 32, 3), ("PDARTS", 8, 1), ("AmoebaNet_B_google", 33, 3),
    *((cell, 32, 3) for cell in (
        "NASNet", "AmoebaNet", "PDARTS", "FairDARTS_a", "SNAS_aggressive", "PR_DARTS_DL2",
        "NAONet_A", "AmoebaNet_B_google", "NASNet_A_google", "GDAS_F1", "SETN")),
    ("FairDARTS_a", 33, 3), ("NAONet_A", 8, 1),
]
CASES = [pytest.param(*case, id="-".join(map(str, case)),
                      marks=[pytest.mark.slow] if index >= 3 else [])
         for index, case in enumerate(CELLS)]


def image_network(cell, size, in_channels, network="cifar"):
    """A small network with non-trivial batch-norms, as after training."""
    torch.manual_seed(0)
    model = create_model(cell, network, channels=4, layers=5, num_classes=10,
                         in_channels=in_channels).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.normal_()
    spec = Input(height=size, width=size, channels=in_channels,
                 mean=[0.4, 0.5, 0.6][:in_channels], std=[0.2, 0.3, 0.2][:in_channels])
    return deploy(model, spec)


def random_inputs(deployed):
    random = np.random.default_rng(0)
    return {name: random.integers(0, 20, 3).astype(np.int32) if name == "tokens"
            else random.uniform(-1, 1, (3, *value.shape[1:])).astype(np.float32)
            if name == "hidden"
            else random.uniform(0, 255, (3, *value.shape[1:])).astype(np.float32)
            for name, value in deployed.example.items()}


def difference(got, expected):
    assert got.keys() == expected.keys()
    return max(float(np.abs(got[name] - expected[name]).max()) for name in expected)


def operations(directory):
    """Counts of the operations in the signature of a SavedModel."""
    import tensorflow as tf

    graph = tf.saved_model.load(str(directory)).signatures["serving_default"].graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    names = [node.op for node in nodes]
    return {name: names.count(name) for name in names}


def check_both_routes(deployed, folder):
    path = folder / "model.onnx"
    model = onnx_hop.write(deployed, path, {})
    before = model.SerializeToString(deterministic=True)
    inputs = random_inputs(deployed)
    expected = onnx_hop.load(path)(inputs)
    for route, write in ROUTES.items():
        directory = folder / route
        write(model, directory)
        run = saved_model.load(directory)
        assert difference(run(inputs), expected) <= LIMIT, route
        alone = {name: value[:1] for name, value in inputs.items()}
        first = {name: value[:1] for name, value in expected.items()}
        assert difference(run(alone), first) <= LIMIT, route
        found = operations(directory)
        # For images; embeddings are transposed once.
        layout = {"Transpose"} if "tokens" not in inputs else set()
        assert not found.keys() & {"PyFunc", "EagerPyFunc", "Assert", *layout}, route
    assert model.SerializeToString(deterministic=True) == before
    ours, theirs = (operations(folder / route) for route in ROUTES)
    for name in ("Conv2D", "DepthwiseConv2dNative", "AvgPool", "MaxPool", "BiasAdd", "MatMul",
                 "SpaceToBatchND"):
        assert theirs.get(name) == ours.get(name), name
    return inputs, expected


@pytest.mark.parametrize("cell, size, in_channels", CASES)
def test_cell(cell, size, in_channels, tmp_path):
    deployed = image_network(cell, size, in_channels)
    inputs, expected = check_both_routes(deployed, tmp_path)
    tfjs.write(tmp_path / "onnx-tf", tmp_path / "tfjs", "float32", {})
    assert difference(tfjs.load(tmp_path / "tfjs")(inputs), expected) <= LIMIT
    assert tfjs.describe(tmp_path / "tfjs")["transposes"] == 0


@pytest.mark.slow
def test_imagenet_network(tmp_path):
    check_both_routes(image_network("DARTS_V2", 224, 3, "imagenet"), tmp_path)


def test_language_step(tmp_path):
    torch.manual_seed(0)
    model = create_model("ENAS_RNN", network="language", vocabulary=20, embedding=8, hidden=8)
    model.decoder.bias.data.uniform_(-1, 1)
    deployed = deploy(model, Input(name="tokens"))
    inputs, expected = check_both_routes(deployed, tmp_path)
    tfjs.write(tmp_path / "onnx-tf", tmp_path / "tfjs", "float32", {})
    assert difference(tfjs.load(tmp_path / "tfjs")(inputs), expected) <= LIMIT


def one_node_model(op_type, shape=(None, 4, 8, 8), inputs=1, **attributes):
    """pixels -> one operation -> logits."""
    node = helper.make_node(op_type, ["pixels"] * inputs, ["logits"], name="odd one", **attributes)
    graph = helper.make_graph(
        [node], "graph", [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_python_function_in_the_graph_is_refused(tmp_path):
    """A Python function would run only in this process."""
    model = one_node_model("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 2, 2])
    with pytest.raises(UnsupportedNodeError, match="PyFunc"):
        onnx_tf.write_saved_model(model, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_an_unknown_operation_is_refused(tmp_path):
    with pytest.raises(UnsupportedNodeError, match="GridSample is not implemented"):
        onnx_tf.write_saved_model(one_node_model("GridSample", (None, 8, 8, 2), 2),
                                  tmp_path / "saved")


def test_nothing_is_printed(tmp_path, capsys):
    from absl import logging

    before = logging.get_verbosity()
    deployed = image_network("NAONet_A", 8, 1)
    onnx_tf.write_saved_model(onnx_hop.write(deployed, tmp_path / "model.onnx", {}),
                              tmp_path / "saved")
    captured = capsys.readouterr()
    assert captured.out == "" and "onnx" not in captured.err
    assert logging.get_verbosity() == before


def test_available_gives_the_reason(monkeypatch):
    def missing():
        raise shims.MissingPackageError("onnx_tf is not installed: pip install it")

    assert onnx_tf.available() is None
    monkeypatch.setattr(shims, "onnx_tf", missing)
    assert onnx_tf.available() == "onnx_tf is not installed: pip install it"


@pytest.mark.parametrize("size, kernel, stride, dilation, pads", [
    (8, 3, 1, 1, (1, 1)), (8, 3, 2, 1, (0, 1)), (9, 3, 2, 1, (1, 1)), (8, 2, 1, 1, (0, 1)),
    (8, 3, 1, 2, (2, 2)), (8, 1, 2, 1, (0, 0)), (32, 7, 2, 1, (2, 3)),
])
def test_same_padding(size, kernel, stride, dilation, pads):
    got = same_padding([size] * 2, [kernel] * 2, [stride] * 2, [dilation] * 2)
    assert got == [pads[0]] * 2 + [pads[1]] * 2
