"""Data sets from the Hugging Face Hub."""

from __future__ import annotations

import logging
import os
import ssl
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from zoo.data.base import DataError

if TYPE_CHECKING:
    from datasets import DatasetDict

_PATIENCE = 1.5  # seconds for a first answer


def load_from_hub(name: str, files: str, bundled: str, repository: str, **settings: Any
                  ) -> DatasetDict:
    """What `datasets.load_dataset` gives for a repository with `settings`: its splits by name.

    Where the hub does not answer, it is what an earlier download has left.  In errors the data set
    is called `name`, `files` says what --path may hold instead, and `bundled` names the data that
    needs neither.  Raises DataError when the package is missing or the download fails.
    """
    online = is_reachable()
    if not online:
        if not _was_downloaded(repository):
            raise _failed(name, files, bundled, "it cannot be reached from here")
        # Read when these packages are imported: else they try again for minutes.
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
        return datasets.load_dataset(repository, **settings)
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        raise _failed(name, files, bundled, _reason(error) if online else
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


def _failed(name: str, files: str, bundled: str, reason: str) -> DataError:
    return DataError(f"{name} could not be downloaded from the Hugging Face Hub: {reason}; go "
                     f"online, or give --path, a folder with {files} ({bundled} needs neither)")


def _reason(error: Exception) -> str:
    """Why, in words of ours: what these libraries say is of their own code."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    kind = type(error).__name__
    if isinstance(error, ConnectionError) or "Connection" in kind or "Timeout" in kind:
        return "the connection broke off"
    return f"its data set was not there or not whole ({kind})"
