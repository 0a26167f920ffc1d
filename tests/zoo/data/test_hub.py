"""Data sets of the hub without a network: reported at once, with the remedy."""

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from zoo.data.base import DataError
from zoo.data.images import load
from zoo.data.sets import hub
from zoo.data.text import load_text

ROOT = Path(__file__).parents[3]
OFFLINE = {
    "cifar10": "cifar10 could not be downloaded from the Hugging Face Hub: the hub cannot be "
               "reached; go online, or give --path, a folder with train.parquet and test.parquet "
               "or the official binary files (--data digits needs neither)",
    "ptb": "ptb could not be downloaded from the Hugging Face Hub: the hub cannot be reached; "
           "go online, or give --path, a folder with train.txt, valid.txt and test.txt (--data "
           "sample needs neither)",
}


@pytest.fixture(autouse=True)
def nothing_downloaded(tmp_path, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_DATASETS_CACHE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def silent(monkeypatch):
    """A hub that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield


def refused(name):
    with pytest.raises(DataError) as caught:
        (load if name == "cifar10" else load_text)(name)
    return str(caught.value)


@pytest.mark.parametrize("name", OFFLINE)
def test_a_silent_hub_is_reported_at_once(name, silent):
    began = time.monotonic()
    assert refused(name) == OFFLINE[name]
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://no.such.host.invalid", "what"])
def test_an_unused_address_is_not_reachable(address, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert not hub.is_reachable()


@pytest.mark.parametrize("status", [200, 403])
def test_any_response_means_that_the_hub_is_reachable(status, monkeypatch):
    class Hub(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.handle_request).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        assert hub.is_reachable()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not hub.is_reachable()


def test_an_earlier_download_is_read_without_the_hub(silent, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    (tmp_path / "huggingface/datasets/uoft-cs___cifar10").mkdir(parents=True)
    monkeypatch.setattr(datasets, "load_dataset", lambda name: name)
    hub.check("cifar10")
    assert hub.load_from_hub("cifar10") == "uoft-cs/cifar10"


@pytest.mark.parametrize("error, reason", [
    (ConnectionError("HTTPSConnectionPool(host='huggingface.co', port=443): Max retries"),
     "the connection was lost"),
    (OSError(28, "No space left on device"), "No space left on device"),
    (ValueError("Couldn't find cache for ptb"), r"missing or incomplete \(ValueError\)"),
])
def test_a_failed_download_is_reported_in_our_words(error, reason, monkeypatch):
    datasets = pytest.importorskip("datasets")

    def load_dataset(*_, **__):
        raise error

    monkeypatch.setattr(hub, "is_reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(DataError, match=f"^ptb could not be .* Hub: .*{reason}; go online, or give "
                                        "--path, a folder with train.txt"):
        load_text("ptb")


@pytest.mark.parametrize("words, name", [
    (["zoo", "train", "DARTS", "--data", "cifar10"], "cifar10"),
    (["zoo", "train", "DARTS_V2_RNN", "--data", "ptb"], "ptb"),
    (["search", "run", "--data", "cifar10"], "cifar10"),
    (["search", "run", "--space", "recurrent", "--data", "ptb"], "ptb"),
])
def test_a_command_reports_it_before_importing_torch(words, name, silent, tmp_path):
    code = ("import runpy, sys; sys.modules['torch'] = None; sys.argv = sys.argv[1:]; "
            "runpy.run_module(sys.argv[0], run_name='__main__')")
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {OFFLINE[name]}\n")
