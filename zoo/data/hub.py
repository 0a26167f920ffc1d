"""Data sets from the Hugging Face hub."""

from __future__ import annotations

from zoo.data.base import DataError


def load_from_hub(name: str, files: str, repository: str, **settings: str):
    """What `datasets.load_dataset` gives for a repository with `settings`.

    In errors the data set is called `name`, and `files` says what --path may hold instead.
    Raises DataError when the package is missing or the hub gives nothing.
    """
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise DataError(f"{name} without --path needs the package {error.name}, which is not "
                        "installed: pip install 'genotype-zoo[data]'") from None
    try:
        return datasets.load_dataset(repository, **settings)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise DataError(f"{name} could not be had from the hub ({reason[:160]}); give --path, "
                        f"a folder with {files}") from None
