"""Data sets from the Hugging Face Hub."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.data.base import DataError
from zoo.hub.reachable import is_reachable

if TYPE_CHECKING:
    from datasets import DatasetDict


class HubData(NamedTuple):
    """A data set of the hub: its repository, the `files` that --path may hold instead, and the
    `bundled` data set that needs neither; `settings` are for `datasets.load_dataset`."""

    repository: str
    files: str
    bundled: str
    settings: Mapping[str, Any] = {}


_CIFAR = "train.parquet and test.parquet or the official binary files"
_TEXTS = "train.txt, valid.txt and test.txt"
HUB = {
    "cifar10": HubData("uoft-cs/cifar10", _CIFAR, "digits"),
    "cifar100": HubData("uoft-cs/cifar100", _CIFAR, "digits"),
    # The repository holds a script, which `datasets` no longer runs; the branch is the hub's
    # conversion to parquet.
    "ptb": HubData("ptb-text-only/ptb_text_only", _TEXTS, "sample",
                   {"revision": "refs/convert/parquet"}),
    "wikitext2": HubData("Salesforce/wikitext", _TEXTS, "sample", {"name": "wikitext-2-v1"}),
}


def check(name: str | None) -> None:
    """Raise DataError if `name` is a data set of the hub that is not cached while the hub cannot be
    reached.  Fast, without importing torch or datasets."""
    if name in HUB and not _is_cached(HUB[name].repository) and not is_reachable():
        raise _failed(name, "the hub cannot be reached")


def load_from_hub(name: str) -> DatasetDict:
    """Load a data set in `HUB` as `datasets.load_dataset` does, from the cache if offline.

    Raises DataError if the package is missing or the download fails.
    """
    check(name)
    online = is_reachable()
    if not online:  # read by the packages on import; otherwise they retry for minutes
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    try:
        import datasets
        from datasets.exceptions import DatasetsError
    except ModuleNotFoundError as error:
        raise DataError(f"{name} without --path needs the package {error.name}, which is not "
                        "installed: pip install 'genotype-zoo[data]'") from None
    for library in ("datasets", "huggingface_hub"):  # they log every retry
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        return datasets.load_dataset(HUB[name].repository, **HUB[name].settings)
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        raise _failed(name, _reason(error) if online else
                      "the hub cannot be reached, and the earlier download is incomplete"
                      ) from None


def _is_cached(repository: str) -> bool:
    """Whether the cache of `datasets` has a folder for the repository."""
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
    """The reason of a failed download, since the libraries' messages are about their own code."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    kind = type(error).__name__
    if isinstance(error, ConnectionError) or "Connection" in kind or "Timeout" in kind:
        return "the connection was lost"
    return f"its data set is missing or incomplete ({kind})"
