"""`zoo build`, `verify`, `doctor` and `bench` as typed: output, exit code, one-line errors."""

import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner

from export.commands import build
from zoo.registry import genotype

ZOO = str(Path(sys.executable).with_name("zoo"))


def zoo(*arguments, cwd):
    """Run the command in this process: importing torch for every case would take minutes."""
    from zoo.cli import app

    before = Path.cwd()
    os.chdir(cwd)
    try:
        result = CliRunner().invoke(app, list(map(str, arguments)))
    finally:
        os.chdir(before)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    result.returncode = result.exit_code
    return result


def zoo_process(*arguments, cwd, **environment):
    return subprocess.run([ZOO, *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, "GENOTYPE_ZOO_DATA": str(cwd / "data"), **environment})


def refused(result, *words):
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.returncode == 1 and len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in lines[0]


def test_the_main_command(tmp_path):
    result = zoo_process("build", "DARTS", "--export", "tfjs", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "untrained" not in result.stderr
    for noise in ("WARNING", "tensorflow", "oneDNN", "I0000", "Warning"):
        assert noise not in result.stdout + result.stderr
    manifest = json.loads((tmp_path / "exports/DARTS-digits/manifest.json").read_text())
    assert manifest["genotype"] == "DARTS" and manifest["trained"]
    assert "next: zoo demo exports/DARTS-digits" in result.stdout


def test_an_untrained_network_is_reported_and_recorded(tmp_path):
    result = zoo("build", "PDARTS", "-e", "onnx", "--layers", 3, "--channels", 4, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert sum("untrained" in line for line in result.stderr.splitlines()) == 1
    manifest = json.loads((tmp_path / "exports/PDARTS-digits/manifest.json").read_text())
    assert manifest["trained"] is False
    assert "**Untrained**" in (tmp_path / "exports/PDARTS-digits/README.md").read_text()


def test_a_genotype_file(tmp_path):
    shown = zoo("show", "PC_DARTS_cifar", "--json", cwd=tmp_path)
    (tmp_path / "mine.json").write_text(shown.stdout)
    result = zoo("build", "mine.json", "-e", "onnx", "--layers", 3, "--channels", 4, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "exports/mine-digits/onnx/model.onnx").exists()


@pytest.mark.parametrize("arguments, words", [
    (["build", "DRATS", "-e", "onnx"], ["DRATS", "DARTS"]),
    (["build", "DARTS", "-e", "pdf"], ["pdf", "tfjs"]),
    (["build", "DARTS", "-e", "onnx", "--converter", "best"], ["best", "onnx-tf"]),
    (["build", "DARTS", "-e", "onnx", "--data", "moon"], ["moon", "digits"]),
    (["build", "DARTS", "-e", "onnx", "--layers", "-1"], ["layers"]),
    (["build", "DARTS", "-e", "onnx", "--channels", "0"], ["channels", "at least 1"]),
    (["build", "DARTS", "-e", ","], ["no format", "tfjs"]),
    (["build", "DARTS", "-e", "onnx", "--precision", "uint8"], ["uint8", "tfjs"]),
    (["build", "DARTS", "-e", "onnx", "--network", "language"], ["DARTS", "convolutional"]),
    (["build", "DARTS", "-e", "onnx", "--network", "mesh"], ["mesh", "imagenet"]),
    (["build", "DARTS", "-e", "onnx", "--size", "9", "--path", "."], ["--path"]),
    (["build", "DARTS", "-e", "onnx", "-o", "."], ["contains the current directory",
                                                 "another folder"]),
    (["build", "DARTS", "-e", "onnx", "--weights", "none.safetensors"], ["none.safetensors"]),
    (["build", "DARTS", "-e", "onnx", "-o", "a_file"], ["a_file", "-o"]),
    (["build", "DARTS", "-e", "onnx", "-o", "a_folder"], ["a_folder", "-o"]),
    (["build", "broken.json", "-e", "onnx"], ["broken.json", "line 1"]),
    (["build", "ENAS_RNN", "-e", "onnx", "--network", "cifar"], ["ENAS_RNN", "recurrent"]),
    (["verify", "nothing"], ["nothing", "zoo build"]),
    (["verify", "a_folder", "--backend", "wasm"], ["--backend", "--runtime"]),
    (["verify", "a_folder", "--runtime", "tfj"], ["tfj", "did you mean tfjs?", "node"]),
    (["verify", "a_folder", "--runtime", "node", "--backend", "wsam"],
     ["node has no backend 'wsam'", "did you mean wasm?"]),
    (["verify", "a_folder", "--runtime", "node", "--images", "3"], ["add --runtime tfjs"]),
    (["bench", "DARTS", "--runtime", "tflit"], ["tflit", "did you mean tflite?"]),
    (["bench", "DARTS", "--runtime", "tfjs:wsam"], ["wsam", "did you mean wasm?"]),
    (["bench", "DRATS"], ["DRATS", "DARTS"]),
    (["bench", "DARTS", "--runs", "0"], ["--runs", "at least 1"]),
    (["bench", "DARTS", "--threads", "0"], ["--threads", "at least 1"]),
    (["demo", "nothing"], ["nothing", "artifact folder"]),
])
def test_bad_input_is_one_line(arguments, words, tmp_path):
    (tmp_path / "a_file").write_text("mine")
    (tmp_path / "a_folder").mkdir()
    (tmp_path / "a_folder/thesis.txt").write_text("mine")
    (tmp_path / "broken.json").write_text("{")
    refused(zoo(*arguments, cwd=tmp_path), *words)
    assert (tmp_path / "a_file").read_text() == "mine"
    assert (tmp_path / "a_folder/thesis.txt").read_text() == "mine"
    assert not (tmp_path / "exports").exists()


def test_without_tensorflow_the_remedy_is_named(tmp_path):
    """A module that cannot be found acts like a missing package."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'tensorflow' else find(name, *a)\n")
    result = zoo_process("build", "DARTS", "-e", "tfjs", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    refused(result, "tensorflow is not installed", "pip install")
    assert not (tmp_path / "exports").exists()


@pytest.fixture
def copied(artifact, tmp_path):
    import shutil

    return Path(shutil.copytree(artifact, tmp_path / "copy"))


@pytest.mark.parametrize("words", [
    ["exports/DARTS-digits"], ["DARTS"], ["DARTS", "--weights", "exports/DARTS-digits"],
    ["exports/DARTS-digits", "-o", "exports/DARTS-digits"]])
def test_a_build_keeps_the_other_files_of_the_folder(words, copied, tmp_path):
    (tmp_path / "exports").mkdir()
    folder = copied.rename(tmp_path / "exports" / "DARTS-digits")
    result = zoo("build", *words, "-e", "onnx", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-2:] == [
        "kept: savedmodel, tflite, tfjs",
        "next: zoo demo exports/DARTS-digits"]
    assert (folder / "tfjs/model.json").is_file() and (folder / "onnx/model.onnx").is_file()


def test_another_network_is_replaced_only_on_request(copied, tmp_path):
    words = "build", "DARTS", "-e", "onnx", "--layers", 3, "--channels", 4, "-o", "copy"
    refused(zoo(*words, cwd=tmp_path), "copy holds another network, DARTS-digits", "--replace")
    assert (copied / "tfjs/model.json").is_file()
    result = zoo(*words, "--replace", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert not (copied / "tfjs").exists() and (copied / "onnx/model.onnx").is_file()


def test_verify_runs_every_format(copied, tmp_path):
    result = zoo("verify", copied, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for hop in ("onnx", "savedmodel", "tflite", "tfjs"):
        assert hop in result.stdout


@pytest.mark.parametrize("name, damage", [
    ("tfjs/model.json", lambda raw: raw[: len(raw) // 2]),
    ("tfjs/group1-shard1of1.bin", lambda raw: raw[:-1]),
    ("tfjs/group1-shard1of1.bin", lambda raw: raw[:100] + bytes([raw[100] ^ 1]) + raw[101:]),
    ("genotype.json", lambda raw: raw.replace(b"sep_conv_3x3", b"sep_conv_9x9")),
    ("model.safetensors", lambda raw: raw[:50]),
])
def test_verify_names_the_damaged_file(name, damage, copied, tmp_path):
    path = copied / name
    path.write_bytes(damage(path.read_bytes()))
    refused(zoo("verify", copied, cwd=tmp_path), name)
    if not name.startswith("tfjs"):
        refused(zoo("build", copied, "-e", "onnx", "-o", "again", cwd=tmp_path), name)


def test_verify_finds_wrong_weights_with_matching_hashes(copied, tmp_path):
    """The weights and the manifest are edited together."""
    from zoo.artifact.folder import finalize, read_manifest

    path = copied / "tfjs/group1-shard1of1.bin"
    raw = bytearray(path.read_bytes())
    raw[4000:8000] = bytes(4000)
    path.write_bytes(raw)
    finalize(copied, read_manifest(copied))
    result = zoo("verify", copied, cwd=tmp_path)
    refused(result, "verification failed: tfjs")


@pytest.mark.parametrize("part, key, value", [
    ("input", "height", None), ("input", "range", None), ("input", "range", [0, 0]),
    ("input", "channels", 3), ("network", "in_channels", 3), ("network", "kind", "language"),
])
def test_a_hand_edited_manifest_is_one_line(part, key, value, copied, tmp_path):
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest[part][key] = value
    (copied / "manifest.json").write_text(json.dumps(manifest))
    refused(zoo("verify", copied, cwd=tmp_path), "manifest.json", "build the artifact again")


def test_verify_names_a_format_that_cannot_be_read(copied, tmp_path):
    from zoo.artifact.folder import finalize, read_manifest

    (copied / "tfjs/model.json").write_text("{}")
    finalize(copied, read_manifest(copied))
    result = zoo("verify", copied, cwd=tmp_path)
    refused(result, "verification failed: tfjs")
    assert "cannot be run" in result.stdout


def test_verify_without_tensorflow_names_the_remedy(copied, tmp_path, monkeypatch):
    from export.formats import shims

    right = shims.is_installed
    monkeypatch.setattr(shims.importlib.util, "find_spec",
                        lambda name, *rest: None if name == "tensorflow" else right(name) or None)
    refused(zoo("verify", copied, cwd=tmp_path), "tensorflow is not installed", "pip install")


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_build_leaves_nothing(number, code, tmp_path):
    process = subprocess.Popen([ZOO, "build", "DARTS", "-e", "tfjs"], cwd=tmp_path, text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env={**os.environ, "TMPDIR": str(tmp_path)})
    for line in process.stderr:
        if line.startswith("savedmodel"):
            assert list(tmp_path.glob("exports/.DARTS-digits.building-*"))
            process.send_signal(number)
            break
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait() == code and "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_doctor_has_a_row_for_each_hop(tmp_path):
    result = zoo_process("doctor", cwd=tmp_path, CHROMIUM="no-such-browser")
    assert result.returncode == 0
    for hop in ("PyTorch -> ONNX", "ONNX -> TensorFlow", "TensorFlow -> TF.js", "in LiteRT.js"):
        assert hop in result.stdout
    assert "$CHROMIUM is no-such-browser" in " ".join(result.stdout.split())
    assert "--no-deps" not in result.stdout  # both converters are installed


def test_bench_compares_runtimes(tmp_path):
    result = zoo("bench", "DARTS", "--channels", 4, "--layers", 3, "--runs", 2,
                 "--runtime", "tflite", "--runtime", "onnxruntime", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    heading, row = result.stdout.splitlines()
    assert heading.index("TFLite ms") < heading.index("ONNX Runtime ms")
    assert row.count("x") == 2  # a speed-up for each


def test_tensorflow_is_timed_on_the_requested_threads(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    refused(zoo("bench", "DARTS", "--channels", 4, "--layers", 3, "--runtime", "tensorflow",
                cwd=tmp_path), "TF_NUM_INTRAOP_THREADS=1")


def test_bench_compares_cells(tmp_path):
    (tmp_path / "mine.txt").write_text(str(genotype("NASNet")))
    result = zoo("bench", "DARTS", "mine.txt", "--channels", 4, "--layers", 3, "--runs", 2,
                 cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == ["DARTS", "mine"]


@pytest.mark.parametrize("arguments, word", [
    (["ENAS_RNN", "--channels", "4"], "--channels"),
    (["DARTS", "--hidden", "8"], "--hidden"),
])
def test_options_of_the_other_kind_are_refused(arguments, word, tmp_path):
    refused(zoo("build", *arguments, "-e", "onnx", cwd=tmp_path), "leave " + word)


def test_too_large_for_memory_is_one_line(tmp_path):
    refused(zoo("build", "DARTS", "-e", "onnx", "--channels", 10**7, cwd=tmp_path), "memory")


@pytest.mark.parametrize("change, why", [
    ({}, "give the test images of cifar10 with --path"),
    ({"data": None}, "the data set of its images is unknown"),
    ({"task": "language-model-step"}, "a language model has no test images"),
    ({"task": "tensors"}, "its outputs are not classes of images"),
])
def test_the_note_on_unmeasured_agreement(change, why):
    manifest = types.SimpleNamespace(**{
        "task": "image-classification", "precision": "uint8",
        "input": types.SimpleNamespace(data=change.get("data", "cifar10"))} | change)
    assert build._unmeasured(manifest) == (
        f"uint8 weights: agreement with float32 is not measured; {why}")


def test_a_build_of_rounded_weights_without_test_images_notes_it(tmp_path):
    result = zoo("build", "DARTS", "-e", "tfjs", "--precision", "uint8", "--size", 16,
                 "--channels", 4, "--layers", 3, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "is not measured; the data set of its images is unknown" in result.stdout
