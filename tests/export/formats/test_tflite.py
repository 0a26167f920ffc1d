"""A .tflite file has a batch of 1, as LiteRT.js needs it, and any number of inputs runs all the
same."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import export  # noqa: F401  (its settings are for TensorFlow, which reads them when imported)

tf = pytest.importorskip("tensorflow")
from export.formats import onnx as onnx_format  # noqa: E402
from export.formats import saved_model, tflite  # noqa: E402
from tests.export.converter.graphs import classifier, model, node, weight  # noqa: E402


def flattened():
    """A Reshape that says the batch, so that an interpreter cannot be resized."""
    return model([node("Transpose", "x", "t", perm=[0, 2, 1]), node("Shape", "t", "s"),
                  node("Gather", "s first", "b"), node("Concat", "b rest", "to", axis=0),
                  node("Reshape", "t to", "r"), node("MatMul", "r w", "y")],
                 {"x": ["batch", 4, 3]}, ["y"],
                 {"first": np.array([0]), "rest": np.array([12]), "w": weight(12, 2)})


def written(graph, folder):
    saved_model.write_saved_model(graph, folder / "saved_model")
    tflite.write(folder / "saved_model", folder / "model.tflite")
    onnx.save(graph, folder / "model.onnx")
    return folder / "model.tflite"


@pytest.mark.parametrize("graph", [classifier(), flattened()], ids=["classifier", "flattened"])
def test_one_input_and_several(graph, tmp_path):
    file = written(graph, tmp_path)
    (entry,) = tf.lite.Interpreter(str(file)).get_input_details()
    assert entry["shape"][0] == entry["shape_signature"][0] == 1
    run, plain = tflite.load(file), onnx_format.load(tmp_path / "model.onnx")
    shape = [size.dim_value for size in graph.graph.input[0].type.tensor_type.shape.dim][1:]
    values = np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32)
    for count in (1, 5, 2, 1):
        (expected,) = plain({"x": values[:count]}).values()
        (found,) = run({"x": values[:count]}).values()
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_interpreter_is_resized(tmp_path):
    """As others do it who have no code of ours."""
    file = written(classifier(), tmp_path)
    interpreter = tf.lite.Interpreter(str(file))
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given["index"], [3, *given["shape"][1:]])
    interpreter.allocate_tensors()
    values = np.random.default_rng(0).normal(size=(3, *given["shape"][1:])).astype(np.float32)
    interpreter.set_tensor(given["index"], values)
    interpreter.invoke()
    (expected,) = tflite.load(file)({"x": values}).values()
    np.testing.assert_allclose(interpreter.get_tensor(made["index"]), expected, atol=1e-5)


def test_truth_values_are_integers_there(tmp_path):
    graph = model([node("Not", "x", "y")], {"x": ["batch", 3]}, ["y"], kind=TensorProto.BOOL)
    file = written(graph, tmp_path)
    assert [entry["dtype"] for entry in tf.lite.Interpreter(str(file)).get_input_details()] == [
        np.int32]
    (found,) = tflite.load(file)({"x": np.array([[True, False, True]])}).values()
    assert found.dtype == np.int32 and found.tolist() == [[0, 1, 0]]
