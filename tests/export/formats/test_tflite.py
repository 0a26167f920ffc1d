"""A .tflite file has a batch of 1, as LiteRT.js requires, and still runs any number of inputs."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import export  # its settings are for TensorFlow, which reads them when imported
import zoo

tf = pytest.importorskip("tensorflow")
from export.formats import onnx as onnx_format  # noqa: E402
from export.formats import saved_model, tflite  # noqa: E402
from tests.export.converter.graphs import classifier, model, node  # noqa: E402


def written(graph, folder):
    saved_model.write_saved_model(graph, folder / "saved_model")
    tflite.write(folder / "saved_model", folder / "model.tflite")
    onnx.save(graph, folder / "model.onnx")
    return folder / "model.tflite"


def compare(run, plain, inputs):
    for count in (1, 5, 2, 1):
        first = {name: value[:count] for name, value in inputs.items()}
        outputs = run(first)
        for name, expected in plain(first).items():
            np.testing.assert_allclose(outputs[name], expected, atol=1e-5)


def test_one_input_and_several(tmp_path):
    file = written(classifier(), tmp_path)
    (entry,) = tf.lite.Interpreter(str(file)).get_input_details()
    assert entry["shape"][0] == entry["shape_signature"][0] == 1
    values = np.random.default_rng(0).normal(size=(5, *entry["shape"][1:])).astype(np.float32)
    plain = onnx_format.load(tmp_path / "model.onnx")
    compare(tflite.load(file), plain, {"x": values})


def test_several_inputs_with_a_fixed_batch(tmp_path):
    """A language model step cannot be resized, so its inputs run one by one."""
    step = zoo.create_model("ENAS_RNN", network="language", vocabulary=40, embedding=16, hidden=16)
    export.export(step, ["onnx", "tflite"], tmp_path / "step")
    file = tmp_path / "step/tflite/model.tflite"
    random = np.random.default_rng(0)
    inputs = {"tokens": random.integers(0, 40, 5).astype(np.int32),
              "hidden": random.normal(size=(5, 16)).astype(np.float32)}
    interpreter = tf.lite.Interpreter(str(file))
    with pytest.raises(RuntimeError):
        interpreter.get_signature_runner(tflite.SIGNATURE)(**inputs)
    compare(tflite.load(file), onnx_format.load(tmp_path / "step/onnx/model.onnx"), inputs)


def test_an_interpreter_is_resized(tmp_path):
    """Without code of this package."""
    file = written(classifier(), tmp_path)
    interpreter = tf.lite.Interpreter(str(file))
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(source["index"], [3, *source["shape"][1:]])
    interpreter.allocate_tensors()
    values = np.random.default_rng(0).normal(size=(3, *source["shape"][1:])).astype(np.float32)
    interpreter.set_tensor(source["index"], values)
    interpreter.invoke()
    (expected,) = tflite.load(file)({"x": values}).values()
    np.testing.assert_allclose(interpreter.get_tensor(target["index"]), expected, atol=1e-5)


def test_booleans_become_integers(tmp_path):
    graph = model([node("Not", "x", "y")], {"x": ["batch", 3]}, ["y"], kind=TensorProto.BOOL)
    file = written(graph, tmp_path)
    assert [entry["dtype"] for entry in tf.lite.Interpreter(str(file)).get_input_details()] == [
        np.int32]
    (output,) = tflite.load(file)({"x": np.array([[True, False, True]])}).values()
    assert output.dtype == np.int32 and output.tolist() == [[0, 1, 0]]
