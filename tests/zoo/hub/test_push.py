"""A push: one commit, nothing overwritten unasked, failures in one line."""

import json

import pytest

from tests.hub_server import INVALID, READER, WRITER
from zoo.hub import push
from zoo.hub.address import AddressError
from zoo.hub.failures import HubError

NAME = "someone/cell"


def names_in(content):
    return set(json.loads(content))


def contents(kind="model", **files):
    files = {name.replace("__", "."): text.encode() for name, text in files.items()}
    files["index.json"] = json.dumps(sorted(files)).encode()
    return push.Contents(kind, files, "index.json", names_in)


FIRST = contents(README__md="---\nlicense: mit\n---\n", model__safetensors="weights", a__txt="a")


def refused(what, *words, hub=None, before=(), **options):
    """A push that fails in one line, without the token, and sends nothing but `before`."""
    sent = len(hub.written()) if hub else 0
    with pytest.raises(HubError) as caught:
        push.push(what, NAME, "a message", **options)
    text = str(caught.value)
    assert "\n" not in text and "hf_the" not in text and INVALID not in text
    for word in words:
        assert word in text, text
    if hub:
        assert [each.split("/")[-1] for each in hub.written()[sent:]] == list(before)
    return text


@pytest.mark.parametrize("kind", ["model", "space"])
def test_a_new_repository_holds_exactly_the_files(kind, hub):
    what = contents(kind, README__md="---\n---\n", model__safetensors="weights")
    commit, found = push.push(what, NAME, "the first", private=True)
    repository = hub.repositories[kind, NAME]
    assert repository.private and repository.sdk == ("static" if kind == "space" else None)
    assert repository.files() == {**what.files, ".gitattributes": b"*.safetensors filter=lfs\n"}
    assert repository.commits[commit]["model.safetensors"].large
    assert repository.messages[1:] == ["the first"] and len(found.new) == 3
    assert all(token == WRITER for _, path, token in hub.requests if path.startswith("/api"))


def test_a_second_push_of_the_same_uploads_nothing(hub):
    first, _ = push.push(FIRST, NAME, "x")
    sent = len(hub.written())
    again, found = push.push(FIRST, NAME, "x")
    assert again == first and found.is_same and len(hub.written()) == sent


def test_files_that_differ_are_replaced_only_when_asked(hub):
    push.push(FIRST, NAME, "x")
    hub.repositories["model", NAME].commits[hub.repositories["model", NAME].at("main")][
        "notes.md"] = hub.repositories["model", NAME].commits[
            hub.repositories["model", NAME].at("main")]["a.txt"]  # somebody's own file
    second = contents(README__md="---\n---\n", model__safetensors="weights", b__txt="b")
    assert "README.md" in refused(second, "--replace", "--revision", hub=hub)
    _, found = push.push(second, NAME, "x", replace=True)
    assert (found.new, set(found.changed), found.removed) == (
        ("b.txt",), {"README.md", "index.json"}, ("a.txt",))
    files = hub.repositories["model", NAME].files()
    assert files == {**second.files, "notes.md": b"a",
                     ".gitattributes": b"*.safetensors filter=lfs\n"}


def test_a_branch_is_made_and_main_stays(hub):
    push.push(FIRST, NAME, "x")
    second = contents(README__md="---\n---\n", a__txt="other")
    push.push(second, NAME, "x", revision="try")
    repository = hub.repositories["model", NAME]
    assert repository.files("try")["a.txt"] == b"other" and repository.files()["a.txt"] == b"a"


def test_only_adding_needs_no_replace(hub):
    hub.add(NAME, {"LICENSE": b"mine", ".gitattributes": b""})
    push.push(FIRST, NAME, "x")
    assert hub.repositories["model", NAME].files()["LICENSE"] == b"mine"


def test_private_does_not_go_to_a_public_repository(hub):
    hub.add(NAME, {})
    refused(FIRST, "is public", "--private", hub=hub, private=True)


def test_a_comparison_sends_nothing(hub):
    assert push.compare(FIRST, NAME) == push.Comparison(False, None, None, tuple(FIRST.files), ())
    push.push(FIRST, NAME, "x")
    sent = len(hub.written())
    assert push.compare(FIRST, NAME).is_same
    assert push.compare(contents(a__txt="b"), NAME).changed == ("a.txt", "index.json")
    assert len(hub.written()) == sent


@pytest.mark.parametrize("index", [b"{", b"[1]", b"[\"../../x\", \"notes.md\"]", b"null"])
def test_what_an_index_names_is_removed_only_if_it_is_there(index, hub):
    """An index on the hub may be anybody's."""
    def safe(content):
        try:
            return {name for name in json.loads(content) if isinstance(name, str)}
        except (ValueError, TypeError):
            return set()

    hub.add(NAME, {"index.json": index, "notes.md": b"", "other.md": b""})
    what = push.Contents("model", FIRST.files, "index.json", safe)
    _, found = push.push(what, NAME, "x", replace=True)
    assert found.removed == (("notes.md",) if b"notes" in index else ())


@pytest.mark.parametrize("token, words", [
    (None, ["needs a token", "hf auth login", "HF_TOKEN"]),
    (INVALID, ["refuses the token (401)", "hf auth login"]),
    (READER, ["may not write to someone/cell (403)", "write access"]),
])
def test_a_refused_token(token, words, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", token or "")
    refused(FIRST, *words, hub=hub, before=["create"] if token == READER else [])
    assert hub.repositories == {}


@pytest.mark.parametrize("part, status, words", [
    ("GET /api", 500, ["has failed (500)", "later"]),
    ("GET /api", 403, ["may not write"]),
    ("repos/create", 409, ["has changed meanwhile (409)", "run it again"]),
    ("repos/create", 402, ["refuses the request (402)"]),
    ("/commit/", 412, ["has changed meanwhile (412)"]),
    ("/commit/", 503, ["has failed (503)"]),
    ("/commit/", 429, ["limits the number of requests"]),
    ("/batch", 404, ["does not exist, or the token may not read it (404)"]),
])
def test_a_failure_names_the_remedy(part, status, words, hub):
    hub.failures[part] = status
    refused(FIRST, "hf://someone/cell: ", *words)
    assert all("a.txt" not in each.files() for each in hub.repositories.values())


def test_a_push_of_somebody_else_in_between(hub, monkeypatch):
    push.push(FIRST, NAME, "x")
    compare = push.compare

    def slow(*words):
        found = compare(*words)
        hub.repositories["model", NAME].commit("main", {}, "theirs")
        return found

    monkeypatch.setattr(push, "compare", slow)
    refused(contents(a__txt="b"), "has changed meanwhile (412)", replace=True)
    assert hub.repositories["model", NAME].files() == {}


@pytest.mark.parametrize("address, words", [
    ("http://127.0.0.1:1", ["cannot be reached", "go online"]),
    ("http://no.such.host.invalid", ["cannot be reached"]),
])
def test_a_hub_that_cannot_be_reached(address, words, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", address)
    refused(FIRST, "hf://someone/cell: ", *words)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refused(FIRST, "HF_HUB_OFFLINE=1 forbids it; unset it")


@pytest.mark.parametrize("error, words", [
    ("ReadTimeout", "did not answer in time"), ("ConnectError", "connection"),
    ("RemoteProtocolError", "connection"), ("ValueError", "cannot be used (... is wrong)"),
])
def test_a_connection_that_breaks(error, words, hub, monkeypatch):
    def request(*_, **__):
        raise type(error, (Exception,), {})(f"{WRITER} is\n wrong")

    monkeypatch.setattr("huggingface_hub.HfApi.repo_info", request)
    refused(FIRST, words, hub=hub)


@pytest.mark.parametrize("name", ["cell", "a/b/c", "a/b c", "../cell", "a/..", "a/b.git", "a--b/c",
                                  "", "/b", "a/" + "b" * 100])
def test_names_that_the_hub_does_not_allow(name):
    with pytest.raises(AddressError, match="USER/NAME"):
        push.check(name, None)


def test_a_commit_is_not_a_branch():
    with pytest.raises(AddressError, match="name of a branch"):
        push.check(NAME, "0123456789abcdef0123456789abcdef01234567")
