"""The server serves its folders and nothing else, with the headers that the page needs."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
from pathlib import Path

import pytest

from web_demo.artifacts import find_artifacts
from web_demo.server import HEADERS, POLICY, Server, running, serve


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page of three files, next to a file that must not be served."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "assets" / "a.js").write_text("1")
    (folder / "assets" / "a.mjs").write_text("1")
    (folder / "assets" / "a.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    for name in ("A", "B"):
        folder = tmp_path / "exports" / name
        (folder / "tfjs").mkdir(parents=True)
        (folder / "tfjs" / "model.json").write_text("{}")
        (folder / "manifest.json").write_text(json.dumps(
            {"name": name, "genotype": "DARTS", "files": {"tfjs/model.json": {"bytes": 2}}}))
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_text("onnx!")
    (folder / "tfjs" / "a.bin").write_text("bytes")
    sizes = {"tfjs/model.json": 2, "tfjs/a.bin": 5, "onnx/model.onnx": 5, "cell.svg": 1}
    (folder / "manifest.json").write_text(json.dumps({
        "name": "B", "genotype": "DARTS", "parameters": 3,
        "metrics": {"test_accuracy": 0.5}, "input": {"data": "digits"},
        "files": {path: {"bytes": size} for path, size in sizes.items()}}))
    return tmp_path / "exports"


def asking(server: Server):
    """A function that sends a request and returns the response and its body."""
    def ask(path: str, method: str = "GET", host: str | None = None):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.putrequest(method, path, skip_host=True)
        connection.putheader(
            "Host", host if host is not None else f"127.0.0.1:{server.server_port}"
        )
        connection.endheaders()
        response = connection.getresponse()
        return response, response.read()

    return ask


@pytest.fixture
def ask(page: Path, exports: Path):
    (exports / "A" / "link").symlink_to(page.parent / "secret.txt")
    (exports / "A" / "out").symlink_to(page.parent)
    with running(serve(find_artifacts([exports]), port=0, page=page)) as server:
        yield asking(server)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?model=A", "text/html; charset=utf-8"),
        ("/assets/a.js", "text/javascript; charset=utf-8"),
        ("/assets/a.mjs", "text/javascript; charset=utf-8"),
        ("/assets/a.wasm", "application/wasm"),
        ("/models/index.json", "application/json"),
        ("/models/A/manifest.json", "application/json"),
        ("/models/B/tfjs/model.json", "application/json"),
    ],
)
def test_files_and_their_types(ask, path, kind):
    response, body = ask(path)
    assert (response.status, response.getheader("Content-Type")) == (200, kind)
    assert body
    for name, value in HEADERS.items():
        assert response.getheader(name) == value


def test_index(ask, exports):
    """With what the cards of the gallery show, and a hash of the content."""
    def hashed(name: str) -> str:
        return hashlib.sha256((exports / name / "manifest.json").read_bytes()).hexdigest()[:16]

    assert json.loads(ask("/models/index.json")[1]) == {
        "models": [
            {"name": name, "genotype": "DARTS", "task": None, "channels": None,
             "path": f"models/{name}/", "sha256": hashed(name), **shown}
            for name, shown in (
                ("A", {"bytes": {"tfjs": 2}}),
                ("B", {"bytes": {"tfjs": 7, "onnx": 5}, "accuracy": 0.5, "data": "digits",
                       "parameters": 3, "drawing": "cell.svg"}))
        ]
    }


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/models/A/../../../secret.txt",
        "/models/A/%2e%2e/%2e%2e/%2e%2e/secret.txt",
        "/models/../../secret.txt",
        "/models/A/link",
        "/models/A/out/secret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/models/A//etc/passwd",
        "/index.html%00.js",
    ],
)
def test_nothing_outside_its_folders(ask, path):
    response, body = ask(path)
    assert response.status in (403, 404)
    assert b"secret" not in body and b"root:" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/nothing.js",
        "/" + "a" * 5000,
        "/assets",
        "/assets/",
        "/models",
        "/models/",
        "/models/A",
        "/models/C/manifest.json",
    ],
)
def test_missing_files(ask, path):
    assert ask(path)[0].status == 404


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "127.0.0.1.example.org",
        "",
        "localhost.example.org:8000",
        "127.0.0.1@example.org",
        "example.org@127.0.0.1",
        "[bad",
    ],
)
def test_foreign_host_names_are_refused(ask, host):
    response, body = ask("/", host=host)
    assert response.status == 403
    assert b"doctype" not in body


@pytest.mark.parametrize("host", ["localhost:1234", "LOCALHOST", "127.0.0.1"])
def test_local_names_are_accepted(ask, host):
    assert ask("/", host=host)[0].status == 200


def test_head_has_no_body(ask):
    response, body = ask("/index.html", "HEAD")
    assert (response.status, response.getheader("Content-Length"), body) == (
        200,
        str(len("<!doctype html>")),
        b"",
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(ask, method):
    assert ask("/", method)[0].status == 501


def test_a_taken_port_is_named(page):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            OSError,
            match=rf"^port {port} of 127\.0\.0\.1 is taken: choose another one with --port$",
        ):
            serve({}, port=port, page=page)


def test_an_invalid_port(page):
    with pytest.raises(OSError, match="70000 is not a port"):
        serve({}, port=70000, page=page)


def test_a_page_that_is_not_built(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"the page is not built; run make page \(needs Node 20.19 or newer\)",
    ):
        serve({}, port=0, page=tmp_path)


def test_the_page_holds_the_policy_of_the_server(page_folder):
    for name in ("index.html", "verify.html", "bench.html"):
        html = (page_folder / name).read_text()
        assert (
            re.search(r'http-equiv="Content-Security-Policy"\s+content="([^"]*)"', html)[1]
            == POLICY
        )


def test_unsupported_folders_are_reported(exports, tmp_path):
    (exports / "broken").mkdir()
    (exports / "broken" / "manifest.json").write_text('{"name"')
    (exports / "onnx-only").mkdir()
    (exports / "onnx-only" / "manifest.json").write_text(
        '{"name": "x", "genotype": "X", "files": {}}'
    )
    reports: list[str] = []
    found = find_artifacts([exports, exports / "A"], report=reports.append)
    assert list(found) == ["A", "B"]
    assert "broken/manifest.json is not JSON" in reports[0]
    assert "onnx-only was exported without a format for browsers" in reports[1]
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        find_artifacts([tmp_path / "nowhere"])


def test_folders_of_one_name_are_kept_apart(exports, tmp_path):
    other = tmp_path / "other" / "A"
    other.parent.mkdir()
    (exports / "A").rename(other)
    (exports / "B").rename(exports / "A")
    assert find_artifacts([exports, other]) == {
        "A": (exports / "A").resolve(),
        "A-2": other.resolve(),
    }
