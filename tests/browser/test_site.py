"""`zoo demo --build`: the same page as a static site, without loss of other files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from web_demo.artifacts import find_artifacts
from web_demo.runtimes import RUNTIMES
from web_demo.server import running
from web_demo.site import CODE, MARKER, build_site
from zoo.cli import app


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html>")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "exports" / "A"
    (folder / "tfjs").mkdir(parents=True)
    (folder / "tfjs" / "model.json").write_text("{}")
    (folder / "private.txt").write_text("not in the manifest")
    write_manifest(folder, "tfjs/model.json")
    return folder


def write_manifest(folder: Path, *paths: str) -> None:
    files = {
        path: {"sha256": hashlib.sha256((folder / path).read_bytes()).hexdigest(), "bytes": 1}
        for path in paths
    }
    (folder / "manifest.json").write_text(
        json.dumps({"name": folder.name, "genotype": "DARTS", "files": files})
    )


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_site_holds_the_page_and_its_models(page, model, tmp_path):
    site = build_site({"A": model}, tmp_path / "new" / "site", page)
    assert tree(site) == {
        MARKER,
        "index.html",
        "models/index.json",
        "models/A/manifest.json",
        "models/A/tfjs/model.json",
    }
    assert [path.name for path in site.parent.iterdir()] == ["site"]


def test_a_site_publishes_what_the_page_reads_and_no_more(page, model, tmp_path):
    read = {"tfjs/model.json", "tfjs/a.bin", "onnx/model.onnx", "tflite/model.tflite", "cell.svg",
            "vocabulary.json", "fixtures/input.bin", "fixtures/logits.bin"}
    others = {"model.safetensors", "saved_model/saved_model.pb", "README.md", "config.json",
              "history.jsonl", "genotype.json", "labels.txt"}
    for path in read | others:
        (model / path).parent.mkdir(exist_ok=True)
        (model / path).write_text("{}")
    write_manifest(model, *read, *others)
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["fixture"] = {"input": "fixtures/input.bin", "logits": "fixtures/logits.bin"}
    (model / "manifest.json").write_text(json.dumps(manifest))
    site = build_site({"A": model}, tmp_path / "site", page)
    assert tree(site / "models/A") == read | {"manifest.json"}


@pytest.mark.parametrize("formats", [["tfjs"], ["onnx"], ["tflite", "onnx"]])
def test_a_site_has_the_code_of_the_runtimes_that_it_needs(page, model, tmp_path, formats):
    (page / "assets").mkdir()
    code = {name: [f"assets/{name}.js", f"assets/{name}.wasm", "assets/shared.js"]
            for name in RUNTIMES}
    (page / CODE).write_text(json.dumps(code))
    for file in ["assets/page.js", *(file for files in code.values() for file in files)]:
        (page / file).write_text("")
    shutil.rmtree(model / "tfjs")
    for name in formats:
        (model / name).mkdir()
        (model / name / "model").write_text("")
    write_manifest(model, *(f"{name}/model" for name in formats))
    site = build_site({"A": model}, tmp_path / "site", page)
    needed = [name for name, runtime in RUNTIMES.items() if runtime.reads in formats]
    assert len(needed) == len(formats)
    assert {file for file in tree(site) if file.startswith("assets/")} == {
        "assets/page.js", *(file for name in needed for file in code[name])}


def test_the_page_lists_the_code_of_every_runtime(page_folder):
    code = json.loads((page_folder / CODE).read_text())
    assert code.keys() == RUNTIMES.keys()
    files = Counter(file for one in code.values() for file in one)
    assert files.keys() < tree(page_folder)
    shared = [page_folder / file for file, times in files.items() if times > 1]
    assert sum(file.stat().st_size for file in shared) < 2_000
    rest = sum((page_folder / file).stat().st_size for file in tree(page_folder) - files.keys())
    assert rest < 500_000  # nothing large is missing from the lists


def test_a_long_list_of_exports_is_cut(page, model, monkeypatch):
    for number in range(100):
        shutil.copytree(model, model.parent / f"export-{number:03}")
    monkeypatch.setattr("web_demo.site.PAGE", page)
    site = model.parent.parent / "site"
    done = CliRunner().invoke(app, ["demo", str(model.parent), "--build", str(site)])
    assert done.exit_code == 0, done.output
    assert done.stdout == (f"{site}: the page with A, export-000, export-001, export-002, "
                           "export-003 and 96 more; serve it from any web server\n")
    assert len(list((site / "models").glob("*/manifest.json"))) == 101


def test_a_site_is_replaced(page, model, tmp_path):
    site = build_site({"A": model}, tmp_path / "site", page)
    build_site({"B": model}, site, page)
    assert "models/B/manifest.json" in tree(site)
    assert "models/A/manifest.json" not in tree(site)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, OSError])
def test_an_interruption_leaves_the_old_site(page, model, tmp_path, monkeypatch, interruption):
    site = build_site({"A": model}, tmp_path / "site", page)
    whole, rename = tree(site), Path.rename

    def interrupted(path, target):
        if path.name == "site" and path != site:  # moving the new site
            raise interruption
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(interruption):
        build_site({"B": model}, site, page)
    assert tree(site) == whole


@pytest.mark.parametrize("built_before", [False, True])
def test_a_folder_with_something_else_in_it_stays_as_it_is(page, model, tmp_path, built_before):
    site = tmp_path / "site"
    if built_before:
        build_site({"A": model}, site, page)
    site.mkdir(exist_ok=True)
    (site / "CNAME").write_text("example.org")
    before = tree(site)
    with pytest.raises(FileExistsError, match="has CNAME, which no zoo demo --build wrote"):
        build_site({"A": model}, site, page)
    assert tree(site) == before
    assert (site / "CNAME").read_text() == "example.org"


def test_a_file_or_a_link_in_its_place(page, model, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(FileExistsError, match=f"{name} is not a folder: choose another one"):
            build_site({"A": model}, tmp_path / name, page)
    assert (tmp_path / "file").read_text() == "mine"


def test_the_folder_it_runs_in(page, model, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ValueError, match="here contains the current directory"):
        build_site({"A": model}, Path("."), page)
    assert Path.cwd().is_dir() and not any(Path.cwd().iterdir())


@pytest.mark.parametrize("listed", ["../private.txt", "/etc/passwd", "link"])
def test_paths_that_leave_the_artifact(page, model, tmp_path, listed):
    (model.parent / "private.txt").write_text("private")
    (model / "link").symlink_to(model.parent / "private.txt")
    write_manifest(model, "tfjs/model.json", listed)
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["fixture"] = {"input": listed}  # also read by the page
    (model / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="is outside the folder"):
        build_site({"A": model}, tmp_path / "site", page)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("entry", [None, "abc", 5])
def test_a_manifest_with_invalid_file_entries(page, model, tmp_path, entry):
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["files"]["tfjs/model.json"] = entry
    (model / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="is not a manifest of zoo build"):
        build_site({"A": model}, tmp_path / "site", page)
    assert not (tmp_path / "site").exists()


def test_a_damaged_artifact_leaves_the_old_site(page, model, tmp_path):
    site = build_site({"A": model}, tmp_path / "site", page)
    before = tree(site)
    (model / "tfjs" / "model.json").write_text("{ }")
    with pytest.raises(ValueError, match=r"tfjs/model\.json does not match its sha256"):
        build_site({"A": model}, site, page)
    assert tree(site) == before
    assert not list(tmp_path.glob(".site*"))


def test_the_site_runs_in_a_sub_folder_of_any_server(visit, artifact, page_folder, tmp_path):
    """Without our headers: the policy is in the page, and WebAssembly runs without threads."""
    site = build_site(find_artifacts([artifact]), tmp_path / "some" / "where", page_folder)
    assert (site / "models" / artifact.name / "inspect" / "model.json").is_file()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with running(
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    ) as server:
        visitor = visit(url=f"http://127.0.0.1:{server.server_port}/some/where/")
        page = visitor.ready()
        assert "single-threaded" in page.inner_text("#backends")
        assert page.inner_text("#parity").startswith("✓")
        assert visitor.complaints == []
