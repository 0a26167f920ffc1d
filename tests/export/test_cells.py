"""Every registered cell runs the whole chain to TF.js files, at small width, within 1e-5."""

import json

import pytest

import zoo
from export.pipeline import build
from export.sources.cell import from_model
from tests.export.conftest import images_of, trained_looking
from tests.representative import representative
from zoo.create import create_model

PUBLISHED = [name for name in zoo.list_cells(kind="conv")
             if zoo.registry.record(name).origin == "published"]
REPRESENTATIVE = representative(PUBLISHED)
REST = [name for name in PUBLISHED if name not in REPRESENTATIVE]


def export_small(model, spec, folder, formats=("tfjs",), **settings):
    """Build, with parity to 1e-5; then check the graph for faults that only a browser notices."""
    manifest = build(from_model(model, "small", spec), list(formats), folder, **settings)
    assert all(0 <= entry.max_difference <= entry.limit for entry in manifest.parity)
    topology = json.loads((folder / "tfjs/model.json").read_text())["modelTopology"]["node"]
    by_name = {node["name"]: node for node in topology}
    operations = [node["op"] for node in topology]
    assert "Transpose" not in operations and "SpaceToBatchND" not in operations
    for node in topology:
        reads = [by_name[name.split(":")[0].lstrip("^")] for name in node.get("input", [])]
        if node["op"] in ("_FusedConv2D", "FusedDepthwiseConv2dNative"):
            assert reads[2]["op"] == "Const", "a fused bias that is an image runs in no browser"
        if "Depthwise" in node["op"]:
            strides, dilations = (list(map(int, node["attr"][key]["list"]["i"]))
                                  for key in ("strides", "dilations"))
            assert max(strides) == 1 or max(dilations) == 1
    return manifest


@pytest.mark.parametrize("cell", REPRESENTATIVE)
def test_representative_cells_export(cell, tmp_path):
    export_small(trained_looking(cell), images_of(32), tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("cell", REST)
def test_all_other_cells_export(cell, tmp_path):
    export_small(trained_looking(cell), images_of(32), tmp_path / "out")


@pytest.mark.parametrize("cell, size, channels", [
    ("AmoebaNet", 33, 3),  # odd sizes all the way down
    ("PDARTS", 15, 3),
    ("DARTS_V2", 8, 1),
])
def test_odd_sizes_and_one_input_channel(cell, size, channels, tmp_path):
    model = trained_looking(cell, in_channels=channels)
    export_small(model, images_of(size, channels), tmp_path / "out", ["onnx", "tflite", "tfjs"])


@pytest.mark.parametrize("cell", ["DARTS", "NASNet"])
def test_untrained_networks_export(cell, tmp_path):
    """Grappler turns zero biases into a graph that no browser runs."""
    model = create_model(cell, channels=4, layers=5).eval()
    export_small(model, images_of(16), tmp_path / "out")


def test_imagenet_network_at_224(tmp_path):
    model = trained_looking("DARTS", network="imagenet", num_classes=20)
    manifest = export_small(model, images_of(224), tmp_path / "out")
    assert manifest.network.kind == "imagenet"


@pytest.mark.parametrize("cell", ["DARTS_V2_RNN", "ENAS_RNN"])
def test_language_model_step(cell, tmp_path):
    model = create_model(cell, network="language", vocabulary=40, embedding=16, hidden=16)
    folder = tmp_path / "out"
    manifest = build(from_model(model, "step"), ["onnx", "savedmodel", "tflite", "tfjs"], folder)
    assert manifest.outputs == ["logits", "probabilities", "next_hidden"]
    assert len(manifest.parity) == 4
    signature = json.loads((folder / "tfjs/model.json").read_text())["signature"]
    assert set(signature["inputs"]) == {"tokens", "hidden"}
    assert set(signature["outputs"]) == set(manifest.outputs)


def test_a_large_vocabulary_is_stored_once(tmp_path):
    """Embedding and decoder are one matrix, as in the network."""
    model = create_model("ENAS_RNN", network="language", vocabulary=5000, embedding=8, hidden=8)
    manifest = build(from_model(model, "step"), ["onnx", "tfjs"], tmp_path / "out")
    for path in ("onnx/model.onnx", "tfjs/group1-shard1of1.bin"):
        assert 4 * 5000 * 8 < manifest.files[path].bytes < 4 * 5000 * 10


def test_rounded_weights(tmp_path):
    model = trained_looking("DARTS", channels=16)
    full, half, byte = (export_small(model, images_of(16), tmp_path / precision,
                                     precision=precision)
                        for precision in ("float32", "float16", "uint8"))
    weights = [sum(file.bytes for name, file in manifest.files.items() if name.endswith(".bin")
                   and name.startswith("tfjs/")) for manifest in (full, half, byte)]
    for rounded, size, bits in ((half, weights[1], 16), (byte, weights[2], 8)):
        assert size < weights[0] * (bits / 32 + 0.15)
        assert rounded.parity[-1].max_difference > full.parity[-1].max_difference
