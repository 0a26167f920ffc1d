"""Data sets from the Hugging Face Hub."""

from __future__ import annotations

import logging
import os
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.data.base import DataError

if TYPE_CHECKING:
    from datasets import DatasetDict

_PATIENCE = 1.5  # seconds for a first answer


class HubData(NamedTuple):
    """A data set of the hub: its repository, what --path may hold instead, and the data that needs
    neither; `settings` are those of `datasets.load_dataset`."""

    repository: str
    files: str
    bundled: str
    settings: Mapping[str, Any] = {}


_CIFAR = "train.parquet and test.parquet or the official binary files"
_TEXTS = "train.txt, valid.txt and test.txt"
HUB = {
    "cifar10": HubData("uoft-cs/cifar10", _CIFAR, "digits"),
    "cifar100": HubData("uoft-cs/cifar100", _CIFAR, "digits"),
    # This repository holds a script, which `datasets` does not run any more, and on a branch the
    # hub's own conversion.
    "ptb": HubData("ptb-text-only/ptb_text_only", _TEXTS, "sample",
                   {"revision": "refs/convert/parquet"}),
    "wikitext2": HubData("Salesforce/wikitext", _TEXTS, "sample", {"name": "wikitext-2-v1"}),
}


def check(name: str | None) -> None:
    """Raise DataError if `name` is a data set of the hub, which does not answer, and no earlier
    download has left it.  Quick: a command need not have imported torch to say so."""
    if name in HUB and not _was_downloaded(HUB[name].repository) and not is_reachable():
        raise _failed(name, "it cannot be reached from here")


def load_from_hub(name: str) -> DatasetDict:
    """The splits by name of a data set in `HUB`, as `datasets.load_dataset` gives them.

    Where the hub does not answer, it is what an earlier download has left.  Raises DataError when
    the package is missing or the download fails.
    """
    check(name)
    online = is_reachable()
    if not online:  # read when these packages are imported: else they try again for minutes
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    try:
        import datasets
        from datasets.exceptions import DatasetsError
    except ModuleNotFoundError as error:
        raise DataError(f"{name} without --path needs the package {error.name}, which is not "
                        "installed: pip install 'genotype-zoo[data]'") from None
    for library in ("datasets", "huggingface_hub"):  # each of their retries is a line
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        return datasets.load_dataset(HUB[name].repository, **HUB[name].settings)
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        raise _failed(name, _reason(error) if online else
                      "it cannot be reached from here, and the earlier download is not whole"
                      ) from None


def is_reachable() -> bool:
    """Does the hub answer, whatever it says, by the proxy where one is set?"""
    if "1" in (os.environ.get("HF_HUB_OFFLINE"), os.environ.get("HF_DATASETS_OFFLINE")):
        return False
    answers: list[bool] = []
    # A thread: the time limit of a connection does not hold for the look-up of its name.
    asking = threading.Thread(target=lambda: answers.append(_answers()), daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    return any(answers)


def _answers() -> bool:
    address = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=_PATIENCE)
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # a certificate that the library may know
    except (OSError, ValueError):
        return False
    return True


def _was_downloaded(repository: str) -> bool:
    """Is there a folder where `datasets` keeps what it has prepared of the repository?"""
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache"), "huggingface")
    cache = os.environ.get("HF_DATASETS_CACHE") or os.path.join(home, "datasets")
    return os.path.isdir(os.path.expanduser(os.path.join(cache, repository.replace("/", "___"))))


def _failed(name: str, reason: str) -> DataError:
    data = HUB[name]
    return DataError(f"{name} could not be downloaded from the Hugging Face Hub: {reason}; go "
                     f"online, or give --path, a folder with {data.files} (--data {data.bundled} "
                     "needs neither)")


def _reason(error: Exception) -> str:
    """Why, in words of ours: what these libraries say is of their own code."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    kind = type(error).__name__
    if isinstance(error, ConnectionError) or "Connection" in kind or "Timeout" in kind:
        return "the connection broke off"
    return f"its data set was not there or not whole ({kind})"
