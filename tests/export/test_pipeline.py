"""A build leaves the complete new folder or the old one, and reports the error."""

import hashlib
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper
from typer.testing import CliRunner

import export
import zoo
from export.checks import doctor, parity, verify
from export.converter.graph import convert
from export.converter.node import UnsupportedNodeError
from export.formats import saved_model, shims
from export.formats.base import CONVERTERS, FORMATS, Format
from export.logs import ConversionError
from export.pipeline import Source, build
from export.sources.cell import from_model
from export.sources.find import find
from export.sources.options import BuildOptions
from tests.export.conftest import images_of, trained_looking
from zoo.artifact import folder as artifacts
from zoo.artifact.folder import ArtifactError
from zoo.cli import app


def small(name="small") -> Source:
    return from_model(trained_looking("DARTS_V2", layers=3), name, images_of(8))


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_content_of_the_folder(artifact):
    names = set(contents(artifact))
    assert {"README.md", "manifest.json", "genotype.json", "labels.txt", "model.safetensors",
            "cell.svg", "onnx/model.onnx", "saved_model/saved_model.pb", "tflite/model.tflite",
            "tfjs/model.json", "tfjs/group1-shard1of1.bin", "fixtures/input.bin",
            "fixtures/logits.bin"} <= names
    manifest = artifacts.read_manifest(artifact)
    assert set(manifest.files) == names - {"manifest.json"}
    artifacts.check_files(artifact, manifest)
    assert manifest.trained and manifest.metrics["test_accuracy"] >= 0.98
    assert [entry.hop for entry in manifest.parity] == ["onnx", "savedmodel", "tflite", "tfjs"]
    for entry in manifest.parity:  # 1e-5 of the largest logit, and of the largest probability
        assert set(entry.outputs) == {"logits", "probabilities"} and not entry.relative
        assert all(found.max_difference <= found.limit == pytest.approx(1e-5 * found.scale)
                   for found in entry.outputs.values())
        assert (entry.max_difference, entry.limit) == (
            entry.outputs["logits"].max_difference, entry.outputs["logits"].limit)


def test_metadata_travels_inside_the_files(artifact):
    import json

    import onnx

    metadata = json.loads((artifact / "tfjs/model.json").read_text())["userDefinedMetadata"]
    assert metadata["zoo"]["labels"] == list("0123456789")
    properties = {p.key: p.value for p in onnx.load(artifact / "onnx/model.onnx").metadata_props}
    assert properties["zoo.genotype"] == metadata["zoo"]["genotype"] == "DARTS"
    assert json.loads(properties["zoo.input"])["height"] == 8


def test_only_requested_formats_are_kept(tmp_path):
    build(small(), ["tfjs"], tmp_path / "out")
    assert not (tmp_path / "out/onnx").exists()
    assert not (tmp_path / "out/saved_model").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        build(small(), ["onnx", "tfjs"], tmp_path / name)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    different = {name for name in one if one[name] != two[name]}
    assert not different


def test_foreign_files_are_never_deleted(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="is not empty and not an artifact"):
        build(small(), ["onnx"], tmp_path / "out")
    assert list(contents(tmp_path)) == ["out/thesis.txt"]
    assert (tmp_path / "out/thesis.txt").read_text() == "mine"


def test_a_foreign_file_in_our_folder_stops_the_build(tmp_path):
    build(small(), ["onnx"], tmp_path / "out")
    (tmp_path / "out/notes.txt").write_text("mine")
    before = contents(tmp_path / "out")
    with pytest.raises(ArtifactError, match="notes.txt"):
        build(small(), ["onnx"], tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_a_file_in_the_place_is_left_alone(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ArtifactError, match="not a folder"):
        build(small(), ["onnx"], tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("hop", ["onnx", "savedmodel", "tfjs"])
def test_a_hop_that_changes_the_numbers_leaves_nothing(hop, tmp_path, monkeypatch):
    right = parity.check_parity

    def check(name, run, expected, precision="float32"):
        def wrong(inputs):
            return {key: value + 1e-3 for key, value in run(inputs).items()}

        return right(name, wrong if name == hop else run, expected, precision)

    monkeypatch.setattr(parity, "check_parity", check)
    with pytest.raises(parity.ParityError, match=hop):
        build(small(), ["tfjs"], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_hop_that_fails_is_one_line_and_keeps_the_old_folder(tmp_path, monkeypatch):
    build(small(), ["onnx"], tmp_path / "out")
    before = contents(tmp_path / "out")
    monkeypatch.setattr("export.formats.saved_model.write_saved_model",
                        lambda *_: (_ for _ in ()).throw(KeyError("broken\nin two lines")))
    with pytest.raises(ConversionError, match="^savedmodel: the converter failed"):
        build(small(), ["tfjs"], tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_nan_fails_parity():
    expected = parity.Reference({"pixels": np.zeros((2, 1))}, {"logits": np.zeros((2, 3))}, 0)
    with pytest.raises(parity.ParityError):
        parity.check_parity("hop", lambda _: {"logits": np.full((2, 3), np.nan)}, expected)
    with pytest.raises(parity.ParityError, match="no output"):
        parity.check_parity("hop", lambda _: {}, expected)
    with pytest.raises(parity.ParityError, match="shape"):
        parity.check_parity("hop", lambda _: {"logits": np.zeros((1, 3))}, expected)


@pytest.mark.parametrize("wrong, match", [
    ({"formats": ["pdf"]}, "unknown format 'pdf'"),
    ({"precision": "int4"}, "unknown precision 'int4'"),
    ({"converter": "magic"}, "unknown converter 'magic'"),
])
def test_unknown_choices(wrong, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        build(small(), **({"formats": ["onnx"], "directory": tmp_path / "out"} | wrong))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_reported_first(tmp_path, monkeypatch):
    right = shims.require

    def without_tensorflow(package):
        if package == "tensorflow":
            raise shims.MissingPackageError("tensorflow is not installed: " + shims.REMEDY[package])
        right(package)

    monkeypatch.setattr(shims, "require", without_tensorflow)
    with pytest.raises(shims.MissingPackageError, match="pip install"):
        build(small(), ["tfjs"], tmp_path / "out")
    build(small(), ["onnx"], tmp_path / "out")  # which does not need TensorFlow


def test_an_operation_without_a_converter_is_named():
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("Det", ["x"], ["y"], name="/head/Det")
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 3]) for n in "xy"]
    model = helper.make_model(helper.make_graph([node], "g", value[:1], value[1:]))
    onnx.checker.check_model(model)
    with pytest.raises(UnsupportedNodeError, match="/head/Det.*Det has no converter"):
        convert(model)


def test_a_built_artifact_can_be_built_again(artifact, tmp_path):
    manifest = build(find(str(artifact), BuildOptions()), ["tfjs"], tmp_path / "again",
                     precision="float16")
    assert manifest.trained and manifest.precision == "float16"
    with pytest.raises(ValueError, match="leave --channels out"):
        find(str(artifact), BuildOptions(channels=3))


def test_a_new_converter(tmp_path, monkeypatch):
    """A converter is a module and a line in the table, as in CONTRIBUTING."""
    own = types.ModuleType("own_converter")
    own.write_saved_model = saved_model.write_saved_model
    monkeypatch.setitem(sys.modules, "own_converter", own)
    monkeypatch.setitem(CONVERTERS, "own", "own_converter")
    manifest = build(small(), ["savedmodel"], tmp_path / "out", converter="own")
    assert manifest.converter == artifacts.read_manifest(tmp_path / "out").converter == "own"
    assert [entry.hop for entry in manifest.parity] == ["onnx", "savedmodel"]
    own.available = lambda: "own is not installed: pip install own"
    with pytest.raises(shims.MissingPackageError, match="pip install own"):
        build(small(), ["savedmodel"], tmp_path / "other", converter="own")
    build(small(), ["onnx"], tmp_path / "other", converter="own")  # never reaches the converter


def test_a_new_format(tmp_path, monkeypatch):
    """A format is a value in the table: built after its source, compared and verified."""
    def write(model, place, options):
        place.write_bytes(model.SerializeToString())

    monkeypatch.setitem(FORMATS, "copy", Format("copy", "copy.onnx", "onnx", ("onnx",), write,
                                                FORMATS["onnx"].load))
    manifest = build(small(), ["copy"], tmp_path / "out")
    assert [entry.hop for entry in manifest.parity] == ["onnx", "copy"]
    assert (tmp_path / "out/copy.onnx").exists() and not (tmp_path / "out/onnx").exists()
    rows = verify.formats_of(tmp_path / "out")
    assert [(row.name, row.verdict) for row in rows[1:]] == [("copy", "agrees")]
    assert "tfjs, copy; repeat" in " ".join(CliRunner().invoke(app, ["build", "-h"]).output.split())
    found = {check.hop: check for check in doctor.checks()}
    assert found["ONNX -> copy"].ok and found["ONNX -> copy"].detail.startswith("onnx ")

    def broken(model, place, options):
        changed = type(model).FromString(model.SerializeToString())
        changed.graph.initializer[0].CopyFrom(numpy_helper.from_array(
            numpy_helper.to_array(changed.graph.initializer[0]) + np.float32(1),
            changed.graph.initializer[0].name))
        place.write_bytes(changed.SerializeToString())

    monkeypatch.setitem(FORMATS, "copy", Format("copy", "copy.onnx", "onnx", ("onnx",), broken,
                                                FORMATS["onnx"].load))
    with pytest.raises(parity.ParityError, match="copy: logits differs by"):
        build(small(), ["copy"], tmp_path / "other")
    assert not (tmp_path / "other").exists()


KILLED = """
import sys, os
from tests.export.test_pipeline import small
from export.pipeline import build
build(small(), ["tfjs"], sys.argv[1], started=lambda hop: os.write(1, (hop + chr(10)).encode()),
      verbose=True)
"""


@pytest.mark.parametrize("hop", ["onnx", "savedmodel", "tfjs"])
def test_a_kill_at_any_hop_leaves_the_old_folder(hop, tmp_path):
    out = tmp_path / "out"
    build(small(), ["onnx"], out)
    before = contents(out)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(out)], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        if line.strip() == hop:
            time.sleep(0.1)
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL  # the hop was reached
    process.stdout.close()
    assert contents(out) == before
    build(small(), ["onnx"], out)  # removes the leftovers of the killed build
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path, monkeypatch):
    build(small(), ["onnx"], tmp_path / "out")
    before = contents(tmp_path / "out")

    def full(*_):
        raise OSError(28, os.strerror(28), "model.onnx")

    monkeypatch.setattr("export.formats.onnx.write", full)
    with pytest.raises(OSError, match="No space left"):
        build(small(), ["onnx"], tmp_path / "out")
    assert contents(tmp_path / "out") == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_cell_with_a_random_operation_is_refused(tmp_path):
    cell = zoo.Cell([[("noise", 0), ("sep_conv_3x3", 1)]], [2])
    model = zoo.create_model(zoo.ConvGenotype(cell, cell), channels=4, layers=3)
    with pytest.raises(ValueError, match="has the operation noise, whose output is random"):
        export.export(model, "onnx", tmp_path / "out")
    assert not list(tmp_path.iterdir())
