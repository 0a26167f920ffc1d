"""8-bit integers: calibrated on images, compared with float32, and refused unless all formats of an
artifact support them."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export import calibration
from export.checks import verify
from export.formats import onnx_int8
from export.formats.base import FORMATS
from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.export.test_pipeline import contents, small
from zoo.artifact.folder import ArtifactError
from zoo.data.images import load


@pytest.fixture(scope="module")
def int8(tmp_path_factory):
    """(folder, manifest) of `zoo build DARTS --export onnx,tflite --precision int8`."""
    folder = tmp_path_factory.mktemp("exports") / "int8"
    return folder, build(find("DARTS", BuildOptions()), ["onnx", "tflite"], folder, "int8")


def test_agreement_and_bytes_are_recorded(int8):
    folder, manifest = int8
    assert manifest.precision == "int8"
    for entry in manifest.agreement:
        assert (entry.precision, entry.images, entry.where) == ("int8", 360, "Python")
        assert entry.share > 0.97 and entry.bytes < 0.75 * entry.float32_bytes
        assert entry.bytes == (folder / FORMATS[entry.format].place).stat().st_size
        assert f"| {FORMATS[entry.format].title} | int8 | {entry.share:.2%} | 360 of digits" in \
            (folder / "README.md").read_text()
    assert [entry.format for entry in manifest.agreement] == ["onnx", "tflite"]
    rows = verify.formats_of(folder)
    assert [(row.name, row.verdict) for row in rows[1:]] == [("onnx", "agrees"),
                                                            ("tflite", "agrees")]


def test_inputs_and_outputs_stay_float32(int8):
    """The normalization precedes the first integers; classifier and softmax follow the last."""
    folder, _ = int8
    graph = onnx.load(folder / "onnx/model.onnx").graph
    kinds = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
    assert kinds == {onnx.TensorProto.FLOAT}
    made_by = {name: node for node in graph.node for name in node.output}
    pixels = graph.input[0].name
    normalized = made_by[next(node for node in graph.node if node.op_type == "QuantizeLinear"
                              ).input[0]]
    assert normalized.op_type == "Add" and made_by[normalized.input[0]].op_type == "Mul"
    logits, probabilities = (made_by[value.name] for value in graph.output)
    assert (logits.op_type, probabilities.op_type) == ("Gemm", "Softmax")
    assert made_by[logits.input[0]].op_type == "DequantizeLinear"
    assert logits.input[1] not in made_by  # unchanged
    images = load("digits").test.images[:4].astype(np.float32)
    for name in ("onnx", "tflite"):
        outputs = FORMATS[name].load(folder / FORMATS[name].place)({pixels: images})
        assert {value.dtype for value in outputs.values()} == {np.dtype(np.float32)}
        np.testing.assert_allclose(outputs["probabilities"].sum(1), 1, atol=1e-5)


def test_every_channel_of_a_filter_has_a_scale(int8):
    folder, _ = int8
    graph = onnx.load(folder / "onnx/model.onnx").graph
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    filters = [node for node in graph.node if node.op_type == "DequantizeLinear"
               and values.get(node.input[0], np.zeros(0)).ndim == 4]
    assert len(filters) > 50
    for node in filters:
        integers, scales = values[node.input[0]], values[node.input[1]]
        assert integers.dtype == np.int8 and scales.shape == integers.shape[:1]
        assert np.abs(integers.astype(int)).max() <= 64  # 7 bits, see `onnx_int8.quantized`


def test_the_same_input_gives_the_same_bytes(int8, tmp_path):
    folder, _ = int8
    build(find("DARTS", BuildOptions()), ["onnx"], tmp_path / "again", "int8")
    assert contents(tmp_path / "again")["onnx/model.onnx"] == contents(folder)["onnx/model.onnx"]


def test_nodes_before_the_first_weights_stay_in_float32():
    def node(kind, reads, gives):
        return onnx.helper.make_node(kind, reads.split(), [gives], name=gives)

    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node("Mul", "x k", "a"), node("Relu", "a", "b"), node("Conv", "b w", "c"),
         node("Add", "c c", "d"), node("Mul", "d k", "y")], "g",
        [value("x", 1, [1, 1, 4, 4])], [value("y", 1, None)],
        [numpy_helper.from_array(np.ones(1, np.float32), "k"),
         numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")])
    assert [one.name for one in onnx_int8.in_float(graph)] == ["a", "b", "y"]


@pytest.mark.parametrize("formats, words", [
    (["tfjs"], "is for onnx, tflite weights; add onnx to the formats"),
    (["onnx", "tfjs"], "build tfjs without it into another folder"),
    (["savedmodel", "tflite"], "build savedmodel without it into another folder"),
    (["onnx"], "give the folder of images for this network with --path")])
def test_formats_without_int8_are_refused(formats, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        build(small(), formats, tmp_path / "out", "int8")
    assert list(tmp_path.iterdir()) == []


def test_a_language_model_has_no_images(tmp_path):
    with pytest.raises(ValueError, match="a language model has none"):
        build(find("DARTS_V2_RNN", BuildOptions()), ["onnx"], tmp_path / "out", "int8")


def test_an_artifact_is_int8_as_a_whole(int8, tmp_path):
    source = find("DARTS", BuildOptions())
    build(source, ["onnx"], tmp_path / "out", "int8")
    before = contents(tmp_path / "out")
    for formats, precision in ((["tflite"], "float32"), (["tfjs"], "float32"), (["tfjs"], "uint8")):
        with pytest.raises(ArtifactError, match="holds onnx with --precision int8; build with"):
            build(source, formats, tmp_path / "out", precision)
    assert contents(tmp_path / "out") == before


def test_ranges_are_calibrated_on_images_of_the_data_set():
    digits = load("digits").train.images
    inputs = calibration.inputs_of(find("DARTS", BuildOptions()))
    assert inputs["pixels"].shape == (calibration.COUNT, 8, 8, 1)
    assert (inputs["pixels"][[0, -1]] == digits[[0, -1]]).all()
    shipped = calibration.inputs_of(find("DARTS", BuildOptions(data="cifar10")))["pixels"]
    assert shipped.shape == (20, 32, 32, 3) and 0 <= shipped.min() < 20 and shipped.max() > 230
    assert (shipped[10:] == shipped[:10, :, ::-1]).all()
