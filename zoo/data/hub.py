"""Data sets from the Hugging Face Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.data.base import DataError

if TYPE_CHECKING:
    from datasets import DatasetDict


def load_from_hub(name: str, files: str, repository: str, **settings: Any) -> DatasetDict:
    """What `datasets.load_dataset` gives for a repository with `settings`: its splits by name.

    In errors the data set is called `name`, and `files` says what --path may hold instead.
    Raises DataError when the package is missing or the download fails.
    """
    try:
        import datasets
        from datasets.exceptions import DatasetsError
    except ModuleNotFoundError as error:
        raise DataError(f"{name} without --path needs the package {error.name}, which is not "
                        "installed: pip install 'genotype-zoo[data]'") from None
    try:
        return datasets.load_dataset(repository, **settings)
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise DataError(f"{name} could not be downloaded from the Hugging Face Hub "
                        f"({reason[:160]}); give --path, a folder with {files}") from None
