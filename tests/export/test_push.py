"""`zoo push` as typed: an export, a training, a site, uploaded and read back."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner

import zoo as package
from web_demo.site import MARKER, build_site
from zoo.artifact.folder import check_files, read_manifest
from zoo.cli import app
from zoo.weights import load_artifact

NAME = "someone/cell"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def copied(artifact, tmp_path):
    return shutil.copytree(artifact, tmp_path / "DARTS-digits")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A training of the tests' tiny recipe, with absolute paths in its settings."""
    from tests.zoo.tiny_runs import TINY
    from zoo.data.images import load
    from zoo.training.classification import train

    folder = tmp_path_factory.mktemp("runs") / "DARTS-digits"
    train("DARTS", load("digits"), TINY.but(epochs=1, drawings=0, batch_size=512), folder, seed=3,
          device="cpu", source={"path": "/home/me/digits", "size": None, "weights": None},
          events=True)
    return folder


@pytest.fixture
def site(copied, tmp_path):
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<title>page</title>")
    return build_site({"DARTS-digits": copied}, tmp_path / "site", page)


def zoo(*words):
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def done(*words):
    result = zoo(*words)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(*words, name):
    result = zoo(*words)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.exit_code == 1 and name in line
    return line


def fetched(hub, folder, kind="model"):
    """The repository as a folder, as `hf download --local-dir` writes it."""
    for name, content in hub.repositories[kind, NAME].files().items():
        if name != ".gitattributes":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return folder


def front_matter(card):
    _, front, text = card.split("---\n", 2)
    return yaml.safe_load(front), text


def test_an_export_comes_back_as_it_was(artifact, copied, hub, tmp_path):
    (copied / "thesis.txt").write_text("mine")
    (copied / ".DS_Store").write_text("mine")
    printed = done("push", copied, NAME)
    commit = hub.repositories["model", NAME].at("main")
    assert f"hf://{NAME}@{commit}: " in printed and f"next: zoo build hf://{NAME} " in printed

    back = fetched(hub, tmp_path / "back")
    manifest = read_manifest(back)
    check_files(back, manifest)
    local = read_manifest(artifact)
    changed = {name for name in manifest.files if manifest.files[name] != local.files.get(name)}
    assert changed == {"README.md"} and set(manifest.files) == set(local.files)
    on_disk = {path.relative_to(back).as_posix() for path in back.rglob("*") if path.is_file()}
    assert on_disk == {*manifest.files, "manifest.json"}

    fields, text = front_matter((back / "README.md").read_text())
    assert fields["library_name"] == "genotype-zoo" and fields["license"] == "apache-2.0"
    (result,) = fields["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "accuracy", "value": local.metrics["test_accuracy"]}]
    assert fields["metrics"] == ["accuracy"] and fields["datasets"] == ["digits"]
    assert f'zoo.create_model("hf://{NAME}")' in text and "## License" in text

    model, expected = package.create_model(f"hf://{NAME}"), load_artifact(artifact)[0]
    assert all(torch.equal(model.state_dict()[name], value)
               for name, value in expected.state_dict().items())
    assert "nothing to upload" in done("push", copied, NAME)


def test_a_build_from_the_hub_names_the_commit(copied, hub, tmp_path):
    done("push", copied, NAME)
    commit = hub.repositories["model", NAME].at("main")
    done("build", f"hf://{NAME}", "-e", "onnx", "-o", "out")
    manifest = read_manifest(tmp_path / "out")
    assert manifest.source == f"hf://{NAME}@{commit}" and manifest.trained
    assert f"Pulled from hf://{NAME}@{commit}." in (tmp_path / "out/README.md").read_text()
    done("push", "out", NAME, "--replace")  # and once more around
    files = hub.repositories["model", NAME].files()
    assert json.loads(files["manifest.json"])["source"] == manifest.source
    assert "tfjs/model.json" not in files and "onnx/model.onnx" in files
    assert "is an artifact" in refused("build", f"hf://{NAME}", "-e", "onnx", "--channels", "4",
                                       name="--channels")


def test_a_training_goes_without_the_names_of_this_machine(run, hub, tmp_path):
    assert list(run.glob("tb/*"))
    done("push", run, NAME, "--private", "--message", "my words")
    repository = hub.repositories["model", NAME]
    assert repository.private and repository.messages[-1] == "my words"
    back = fetched(hub, tmp_path / "back")
    manifest = read_manifest(back)
    check_files(back, manifest)
    trained = {name for name in read_manifest(run).files if not name.startswith("tb/")}
    assert {"config.json", "history.jsonl", "model.safetensors"} <= trained
    assert set(manifest.files) == trained | {"README.md", "cell.svg"}
    everything = b"".join(path.read_bytes() for path in back.rglob("*") if path.is_file())
    assert b"/home/me" not in everything and os.uname().nodename.encode() not in everything
    config = json.loads((back / "config.json").read_text())
    assert config["path"] is None and config["seed"] == 3
    fields, text = front_matter((back / "README.md").read_text())
    assert "license" not in fields and fields["model-index"]
    assert "onnxruntime" not in text and "the graph" not in text
    assert package.create_model(f"hf://{NAME}").settings["channels"] == 4


def test_a_dry_run_lists_and_sends_nothing(copied, hub, monkeypatch):
    printed = done("push", copied, NAME, "--dry-run")
    manifest = read_manifest(copied)
    for name, entry in manifest.files.items():
        if name != "README.md":
            assert f"{entry.sha256[:16]}  new" in next(
                line for line in printed.splitlines() if line.startswith(name))
    assert f"{NAME} would be created: {len(manifest.files) + 1} new; nothing" in printed
    assert hub.written() == []
    done("push", copied, NAME)
    assert "are there already" in done("push", copied, NAME, "--dry-run")
    hub.repositories["model", NAME].commits[hub.repositories["model", NAME].at("main")][
        "labels.txt"].content = b"other"
    assert f"{NAME} needs --replace: 1 replaced;" in done("push", copied, NAME, "--dry-run")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = zoo("push", copied, NAME, "--dry-run")
    assert result.exit_code == 0 and "not compared with the hub" in result.stderr


def test_a_damaged_artifact_is_refused_before_anything_is_sent(copied, hub):
    with open(copied / "tfjs/group1-shard1of1.bin", "ab") as file:
        file.write(b"x")
    refused("push", copied, NAME, name="group1-shard1of1.bin has changed")
    assert hub.requests == []


@pytest.mark.parametrize("files, words", [
    ({"config.json": "{}"}, "unfinished training"), ({"thesis.txt": ""}, "no manifest.json"),
    ({MARKER: json.dumps({"files": ["index.html"]}), "index.html": ""}, "--space"),
])
def test_a_folder_that_is_not_an_artifact(files, words, hub, tmp_path):
    (tmp_path / "folder").mkdir()
    for name, text in files.items():
        (tmp_path / "folder" / name).write_text(text)
    assert words in refused("push", "folder", NAME, name="folder")
    assert hub.requests == []


def test_a_site_becomes_a_static_space_with_isolation(site, hub):
    (site / "thesis.txt").write_text("mine")
    assert f"https://huggingface.co/spaces/{NAME}: " in done("push", site, NAME, "--space")
    repository = hub.repositories["space", NAME]
    files = repository.files()
    assert repository.sdk == "static" and "thesis.txt" not in files
    assert files["index.html"] == (site / "index.html").read_bytes()
    fields, _ = front_matter(files["README.md"].decode())
    assert fields["sdk"] == "static" and fields["title"] == "cell"
    assert fields["custom_headers"]["cross-origin-opener-policy"] == "same-origin"
    assert fields["custom_headers"]["cross-origin-embedder-policy"] == "require-corp"
    assert len(fields["short_description"]) <= 60
    listed = {path.relative_to(site).as_posix() for path in Path(site).rglob("*") if path.is_file()}
    assert set(files) == listed - {"thesis.txt"} | {"README.md", ".gitattributes"}


@pytest.mark.parametrize("damage, words", [
    (lambda site: (site / "models/DARTS-digits/cell.svg").write_text("x"), "has changed"),
    (lambda site: (site / "index.html").unlink(), "index.html cannot be read"),
    (lambda site: (site / MARKER).write_text('{"files": ["index.html", "../../x"]}'), "outside"),
    (lambda site: (site / MARKER).write_text("{"), "damaged"),
    (lambda site: (site / MARKER).unlink(), "is not a site"),
    (lambda site: (site / "models/DARTS-digits/manifest.json").write_text("[]"), "damaged"),
])
def test_a_damaged_site_is_refused(damage, words, site, hub):
    damage(site)
    assert words in refused("push", site, NAME, "--space", name="site")
    assert hub.requests == []


@pytest.mark.parametrize("words, name", [
    (["cell"], "USER/NAME"), ([NAME, "--revision", "0" * 40], "name of a branch"),
])
def test_bad_names_are_one_line(words, name, copied, hub):
    refused("push", copied, *words, name=name)
    assert hub.requests == []
