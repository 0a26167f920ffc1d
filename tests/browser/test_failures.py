"""Every failure is a sentence on the page that names the fault and the remedy."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

REBUILD = 'build the artifact again with "zoo build DARTS --export tfjs".'


def answer_with(visitor, path: str, **response) -> None:
    visitor.page.route(f"**/{path}", lambda route: route.fulfill(**response))


def edit_manifest(visitor, artifact, **changes) -> None:
    manifest = json.loads((artifact / "manifest.json").read_text())
    answer_with(visitor, "manifest.json", json={**manifest, **changes})


def shard(artifact) -> str:
    return next(path.name for path in (artifact / "tfjs").glob("*.bin"))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "the last bit"),
        (lambda content: content[:-100], "the end"),
        (lambda content: content * 2, "more"),
    ],
    ids=["flipped", "truncated", "doubled"],
)
def test_a_corrupted_shard(visit, artifact, change, where):
    visitor = visit()
    name = shard(artifact)
    answer_with(visitor, f"tfjs/{name}", body=change((artifact / "tfjs" / name).read_bytes()))
    visitor.open()
    assert (
        visitor.failure()
        == f"tfjs/{name} of DARTS-digits does not match its sha256 in manifest.json and is not "
        f"used: {REBUILD}"
    )
    assert visitor.page.locator("body[data-ready]").count() == 0
    assert visitor.page.inner_text("#verdict-text") == "No network loaded yet."


def test_an_edited_model(visit, artifact):
    visitor = visit()
    content = (artifact / "tfjs" / "model.json").read_text().replace("Relu", "Elu ", 1)
    answer_with(visitor, "tfjs/model.json", body=content)
    visitor.open()
    assert visitor.failure().startswith(
        "tfjs/model.json of DARTS-digits does not match its sha256 in manifest.json"
    )


@pytest.mark.parametrize("file", ["tfjs/model.json", "fixtures/input.bin"])
def test_a_missing_file(visit, file):
    visitor = visit()
    answer_with(visitor, file, status=404)
    visitor.open()
    assert visitor.failure() == f"{file} of DARTS-digits was not found: {REBUILD}"


def test_a_missing_manifest(visit):
    visitor = visit()
    answer_with(visitor, "manifest.json", status=404)
    visitor.open()
    assert visitor.failure().endswith('was not found: build the artifact again with "zoo build".')


@pytest.mark.parametrize(
    "path",
    [
        "../../../secret.bin",
        "https://example.org/x.bin",
        "/x.bin",
        "%2e%2e/%2e%2e/x.bin",
        "unlisted.bin",
    ],
)
def test_weights_outside_the_folder_are_refused(visit, artifact, path):
    """The hash does not help if the manifest was edited too."""
    import hashlib

    visitor = visit()
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    model = json.loads((artifact / "tfjs" / "model.json").read_text())
    model["weightsManifest"][0]["paths"] = [path]
    content = json.dumps(model).encode()
    files = json.loads((artifact / "manifest.json").read_text())["files"]
    files["tfjs/model.json"] = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    answer_with(visitor, "tfjs/model.json", body=content)
    edit_manifest(visitor, artifact, files=files)
    visitor.open()
    assert any(
        words in visitor.failure()
        for words in ("is outside of its folder", "is not listed in its manifest.json")
    )
    assert not [
        url for url in asked if url.endswith("x.bin") or "secret" in url or "unlisted" in url
    ]


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        (
            {"models": []},
            'No models: run "zoo build DARTS --export tfjs", then start "zoo demo" again.',
        ),
        (
            {"model": 1},
            'models/index.json is not a list of models: start the page with "zoo demo", which '
            'writes it.',
        ),
        (
            {"models": [{"name": "x", "genotype": "X", "path": "https://example.org/"}]},
            '"https://example.org/" is outside of its folder',
        ),
        (
            {"models": [{"name": "x", "genotype": "X", "path": "models/x/"}]},
            "manifest.json of models/x/ was not found",
        ),
    ],
)
def test_a_bad_index(visit, index, sentence):
    visitor = visit()
    answer_with(visitor, "models/index.json", json=index)
    visitor.open()
    assert visitor.failure().startswith(sentence)


def test_an_index_that_is_not_json(visit):
    visitor = visit()
    answer_with(visitor, "models/index.json", body="<!doctype html>")
    visitor.open()
    assert visitor.failure() == 'models/index.json is not JSON: start the page with "zoo demo".'


def test_a_server_that_stopped(visit):
    visitor = visit()
    visitor.page.route("**/tfjs/model.json", lambda route: route.abort())
    visitor.open()
    assert 'the server did not respond: check that "zoo demo" is still running' in visitor.failure()


@pytest.mark.parametrize("file", ["manifest.json", "tfjs/model.json"])
def test_an_interrupted_download(visit, file):
    visitor = visit()
    visitor.page.add_init_script(f"const file = '/{file}';" + """
        const whole = window.fetch;
        window.fetch = async (address, ...options) => {
            const response = await whole(address, ...options);
            if (!String(address).endsWith(file)) return response;
            return new Response(new ReadableStream({
                start(stream) {
                    stream.enqueue(new TextEncoder().encode('{"name":'));
                    setTimeout(() => stream.error(new TypeError('network error')), 50);
                },
            }));
        };
    """)
    visitor.open()
    message = visitor.failure()
    assert message.startswith("The download of ") and file in message
    assert "was interrupted" in message


def test_pixels_in_another_range(visit, artifact):
    visitor = visit()
    spec = json.loads((artifact / "manifest.json").read_text())["input"]
    edit_manifest(visitor, artifact, input={**spec, "range": [0, 1]})
    visitor.open()
    assert visitor.failure().startswith("DARTS-digits takes pixels from 0 to 1, and this page "
                                        "supports only 0 to 255")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"task": "translation"},
            'DARTS-digits has the task "translation", and this page supports only '
            '"image-classification", "language-model-step", "tensors"',
        ),
        ({"format": 2}, "does not have format version 1"),
        ({"fixture": None}, "lacks required fields"),
        ({"files": {}}, "DARTS-digits was exported without tfjs or tflite or onnx"),
    ],
)
def test_a_manifest_that_the_page_cannot_run(visit, artifact, changes, sentence):
    visitor = visit()
    edit_manifest(visitor, artifact, **changes)
    visitor.open()
    assert sentence in visitor.failure()


def test_an_untrained_network_is_marked(visit, artifact):
    visitor = visit()
    edit_manifest(visitor, artifact, trained=False, metrics={})
    page = visitor.ready()
    expect(page.locator("#untrained")).to_be_visible()
    assert "untrained" in page.inner_text("#facts")


def test_wrong_logits_are_not_hidden(visit, artifact):
    visitor = visit()
    edit_manifest(
        visitor,
        artifact,
        parity=[{"hop": "tfjs", "max_difference": 0, "limit": 1e-12, "inputs": 1}],
    )
    page = visitor.ready()
    assert page.inner_text("#parity").startswith("✗ Wrong logits, compared with PyTorch")


CAMERA_FAILS = {
    "NotAllowedError": "Camera access was denied: allow it in the site settings of the browser, "
    "or choose a picture file instead.",
    "NotFoundError": "No camera found: connect one, or choose a picture file instead.",
    "NotReadableError": "The camera is in use by another program: close it, or choose a picture "
    "file instead.",
}


def test_the_camera_fails(visit):
    visitor = visit()
    visitor.page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => "
        "{ throw new DOMException('', window.kind) }"
    )
    page = visitor.ready()
    for error, sentence in CAMERA_FAILS.items():
        page.evaluate("(kind) => { window.kind = kind }", error)
        page.click("#camera")
        expect(page.locator("#failure")).to_have_text(sentence)
        assert visitor.failure() == sentence
        expect(page.locator("#camera")).to_have_text("Camera")


def test_a_camera_without_permission(visit):
    """Denied by the browser itself, not by a simulated error."""
    visitor = visit()
    visitor.ready().click("#camera")
    assert visitor.failure().startswith("Camera access was denied")


@pytest.mark.parametrize("channels", [2, 4])
def test_images_of_other_channels(visit, artifact, channels):
    visitor = visit()
    manifest = json.loads((artifact / "manifest.json").read_text())
    edit_manifest(visitor, artifact, input={**manifest["input"], "channels": channels},
                  network={**manifest["network"], "in_channels": channels})
    answer_with(visitor, "models/index.json", json={"models": [
        {"name": "DARTS-digits", "genotype": "DARTS", "task": "image-classification",
         "channels": channels, "path": "models/DARTS-digits/"}]})
    page = visitor.open()
    assert visitor.failure() == (
        f"DARTS-digits takes {channels}-channel images, and this page supports only grayscale and "
        'color: check it with "zoo verify", and use its files from your own code.')
    assert page.locator("#model option").all_inner_texts() == [
        f"DARTS-digits ({channels} channels)"]


def test_a_command_on_the_page_is_quoted(visit, artifact):
    visitor = visit()
    edit_manifest(visitor, artifact, genotype="my cell's", files={})
    visitor.open()
    assert """build it again with "zoo build 'my cell'"'"'s' --export tfjs".""" in visitor.failure()


def test_a_room_whose_code_is_gone(visit):
    """Like that of an older page after a newer one was published."""
    visitor = visit()
    page = visitor.ready()
    page.route("**/assets/panel-*.js", lambda route: route.fulfill(status=404))
    page.click("#race > summary")
    expect(page.locator("#failure")).to_have_text(
        "A part of the page could not be loaded: check the connection, and reload the page.")
