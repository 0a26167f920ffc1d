"""The artifact in other programs: every format is readable without this package."""

import json

import numpy as np
import pytest


@pytest.fixture
def fixture(artifact):
    pixels = np.fromfile(artifact / "fixtures/input.bin", "<f4").reshape(-1, 8, 8, 1)
    logits = np.fromfile(artifact / "fixtures/logits.bin", "<f4").reshape(-1, 10)
    return pixels, logits


def test_plain_onnxruntime(artifact, fixture):
    import onnxruntime

    pixels, logits = fixture
    session = onnxruntime.InferenceSession(artifact / "onnx/model.onnx")
    found, probabilities = session.run(["logits", "probabilities"], {"pixels": pixels})
    np.testing.assert_allclose(found, logits, atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_plain_saved_model(artifact, fixture):
    import tensorflow as tf

    pixels, logits = fixture
    loaded = tf.saved_model.load(str(artifact / "saved_model"))
    found = loaded.signatures["serving_default"](pixels=tf.constant(pixels))
    np.testing.assert_allclose(found["logits"], logits, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
def test_plain_tflite_interpreter(artifact, fixture, batch):
    import tensorflow as tf

    pixels, logits = fixture
    interpreter = tf.lite.Interpreter(str(artifact / "tflite/model.tflite"))
    entry = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(entry["index"], [batch, 8, 8, 1])
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry["index"], pixels[:batch])
    interpreter.invoke()
    outputs = [interpreter.get_tensor(e["index"]) for e in interpreter.get_output_details()]
    assert any(np.allclose(output, logits[:batch], atol=1e-5) for output in outputs)


def test_the_fixture_is_a_real_image_and_classified_correctly(artifact, fixture):
    manifest = json.loads((artifact / "manifest.json").read_text())
    assert manifest["fixture"]["labels"] == list(range(10))
    assert fixture[0].max() > 200 and fixture[0].min() == 0
    np.testing.assert_array_equal(fixture[1].argmax(axis=1), manifest["fixture"]["labels"])


def test_the_python_api_of_the_readme(tmp_path):
    import export
    import zoo

    model = zoo.create_model("DARTS", network="cifar", channels=4, layers=3, num_classes=10)
    manifest = export.export(model, "onnx", tmp_path / "mine")
    assert manifest.name == "mine" and (tmp_path / "mine/onnx/model.onnx").exists()


def test_shipped_weights_bring_their_input_and_labels(tmp_path):
    import export
    import zoo

    model = zoo.create_model("DARTS", weights="digits")
    manifest = export.export(model, "onnx", tmp_path / "mine")
    assert manifest.trained and manifest.labels == list("0123456789")
    assert (manifest.input.height, manifest.input.data) == (8, "digits")
    assert manifest.fixture.labels == list(range(10))
    fresh = zoo.create_model("DARTS", channels=4, layers=3)
    assert not export.export(fresh, "onnx", tmp_path / "fresh").trained


def test_a_folder_of_any_name_and_a_file_with_a_published_name(tmp_path):
    import export
    import zoo
    from export.pipeline import build
    from export.sources.find import find
    from export.sources.options import BuildOptions
    from zoo.genotypes.serialization import to_json

    model = zoo.create_model("PDARTS", channels=4, layers=3)
    assert export.export(model, "onnx", tmp_path / "my net").name == "my-net"
    (tmp_path / "DARTS.json").write_text(to_json(zoo.genotype("PDARTS")))
    source = find(str(tmp_path / "DARTS.json"), BuildOptions(channels=4, layers=3))
    manifest = build(source, ["onnx"], tmp_path / "out")
    assert not manifest.trained and manifest.paper == ""  # not the paper of another cell
    assert "## The cell" not in (tmp_path / "out/README.md").read_text()
