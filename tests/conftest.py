"""Set-up of all tests."""

import signal

import pytest

# A shell's background processes ignore SIGINT, and so do their children; the tests that interrupt a
# command need the default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on this machine, used by huggingface_hub instead of huggingface.co, without
    repositories; the token is that of a writer."""
    from tests.hub_server import WRITER, Hub

    constants = pytest.importorskip("huggingface_hub.constants")
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", WRITER)
    # Read from the environment when the package was imported.
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server
