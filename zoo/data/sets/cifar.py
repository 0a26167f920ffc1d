"""CIFAR-10 and CIFAR-100, from the Hugging Face Hub, parquet files or the official binary files.

Krizhevsky 2009; the binary layout is that of https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.data.base import DataError
from zoo.data.pictures import naming, on_white
from zoo.data.sets.hub import load_from_hub

if TYPE_CHECKING:
    import pyarrow

SIDE = 32
COARSE = 20
CLASSES = {"cifar10": 10, "cifar100": 100}
_LABEL_COLUMNS = {"cifar10": ("label",), "cifar100": ("fine_label", "label")}

CIFAR10_LABELS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse",
                  "ship", "truck"]

#: Mean and standard deviation of each channel over the training images, for pixels in 0..1.
STATISTICS = {
    # As in the official 2018 DARTS release, for its checkpoints.
    "cifar10": ([0.49139968, 0.48215827, 0.44653124], [0.24703233, 0.24348505, 0.26158768]),
    "cifar100": ([0.50707516, 0.48654887, 0.44091784], [0.26733429, 0.25643846, 0.27615047]),
}

#: Images uint8 (N, 32, 32, 3) and labels int64 (N,).
Images = tuple[np.ndarray, np.ndarray]


def load(name: str, path: Path | None) -> tuple[Images, Images, list[str]]:
    """(images uint8 (N, 32, 32, 3), labels int64) of train and test, and the class names.

    Without `path`, downloads from the Hugging Face Hub.  Raises DataError for missing, damaged or
    wrong files, ModuleNotFoundError if the package to read them is not installed.
    """
    if path is None:
        return _from_hub(name)
    if found := _parquet_files(name, path):
        return _from_parquet(name, found)
    return _from_binary(name, path)


# --- hub and parquet ------------------------------------------------------------------------


def _from_hub(name: str) -> tuple[Images, Images, list[str]]:
    source = load_from_hub(name)
    column = _LABEL_COLUMNS[name][0]
    train, test = (
        (np.stack([np.asarray(image.convert("RGB")) for image in source[split]["img"]]),
         np.asarray(source[split][column], dtype=np.int64)) for split in ("train", "test"))
    return train, test, list(source["train"].features[column].names)


def _parquet_files(name: str, path: Path) -> dict[str, list[Path]] | None:
    """The files of train and test in `path` or, if it has none, in the only such folder in it."""
    found = {}
    for folder in (path, *sorted(filter(Path.is_dir, path.iterdir()))):
        files = {split: sorted(folder.glob(f"{split}*.parquet")) for split in ("train", "test")}
        if all(files.values()):
            found[folder] = files
    for folder in (path, path / name):
        if folder in found:
            return found[folder]
    if len(found) > 1:
        raise DataError(f"{path} holds parquet files in {' and in '.join(map(str, found))}; give "
                        f"only the folder of {name} as --path")
    return next(iter(found.values()), None)


def _from_parquet(name: str, found: dict[str, list[Path]]) -> tuple[Images, Images, list[str]]:
    train, test = (_joined([_read_parquet(name, file) for file in found[split]])
                   for split in ("train", "test"))
    from pyarrow import parquet

    explicit = "fine_label" in parquet.read_schema(found["train"][0]).names
    if name == "cifar100" and not explicit and _are_coarse(train[1], test[1]):
        raise DataError(f"{found['train'][0].parent}: the labels of these files are CIFAR-100's 20 "
                        "coarse classes, and cifar100 needs the 100 fine ones; give files with a "
                        "column fine_label")
    return train, test, _label_names(name)


def _are_coarse(*labels: np.ndarray) -> bool:
    """Whether these are the numbers of the 20 coarse classes, which some copies also call label."""
    values = np.unique(np.concatenate(labels))
    return values.tolist() == list(range(COARSE))


def _joined(parts: list[Images]) -> Images:
    """Concatenate the images and labels of several files."""
    return (np.concatenate([images for images, _ in parts]),
            np.concatenate([labels for _, labels in parts]))


def _read_parquet(name: str, file: Path) -> Images:
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(file)
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{file} is not a complete parquet file "
                        f"({str(error).splitlines()[0][:120]}); get it again") from None
    return _decode(name, file, table)


def _decode(name: str, file: Path, table: pyarrow.Table) -> Images:
    from PIL import Image

    label = next((c for c in _LABEL_COLUMNS[name] if c in table.column_names), None)
    if "img" not in table.column_names or label is None:
        raise DataError(f"{file} has columns {', '.join(table.column_names)}; {name} needs img "
                        f"(a struct with bytes) and {_LABEL_COLUMNS[name][0]}")
    if not len(table):
        raise DataError(f"{file} holds no images")
    images = np.empty((len(table), SIDE, SIDE, 3), np.uint8)
    for row, cell in enumerate(table["img"].to_pylist()):
        try:
            with naming(f"{file}, row {row}: img.bytes"):
                image = Image.open(io.BytesIO(cell["bytes"]))
                if image.mode[0] in "IF":  # more than 8 bits, which `convert` would clip
                    image = Image.fromarray(on_white(image))
                image = image.convert("RGB")
        except (TypeError, KeyError):
            raise DataError(f"{file}, row {row}: img.bytes is not an image") from None
        if image.size != (SIDE, SIDE):
            raise DataError(f"{file}, row {row}: the image is {image.width}x{image.height}, "
                            f"{name} has 32x32")
        images[row] = np.asarray(image)
    labels = table[label].to_numpy().astype(np.int64)
    return images, _checked(name, file, labels)


# --- binary files ---------------------------------------------------------------------------


def _from_binary(name: str, path: Path) -> tuple[Images, Images, list[str]]:
    inner = {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}[name]
    folder = path / inner if (path / inner).is_dir() else path
    names = {"cifar10": ([f"data_batch_{n}.bin" for n in range(1, 6)], ["test_batch.bin"]),
             "cifar100": (["train.bin"], ["test.bin"])}[name]
    missing = next((file for files in names for file in files if not (folder / file).is_file()),
                   None)
    if missing is not None:
        if _is_pickled(path):
            raise DataError(f"{path} holds the python version of {name}, whose pickles could run "
                            "arbitrary code; get the binary version from "
                            "https://www.cs.toronto.edu/~kriz/cifar.html")
        raise DataError(f"{path} has neither train.parquet and test.parquet nor {missing} of "
                        f"the official binary version of {name}")
    train, test = (_joined([_read_binary(name, folder / file) for file in files])
                   for files in names)
    return train, test, _label_names(name, folder)


def _read_binary(name: str, file: Path) -> Images:
    # A record is the label (CIFAR-100: coarse, then fine) and 1024 red, green, blue values.
    label_bytes = 1 if name == "cifar10" else 2
    record = label_bytes + 3 * SIDE * SIDE
    content = np.fromfile(file, np.uint8)
    if len(content) == 0 or len(content) % record:
        raise DataError(f"{file} has {len(content)} bytes, not a multiple of {record}; it is "
                        f"truncated or not the binary version of {name}")
    rows = content.reshape(-1, record)
    images = rows[:, label_bytes:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    labels = rows[:, label_bytes - 1].astype(np.int64)
    return np.ascontiguousarray(images), _checked(name, file, labels)


def _is_pickled(path: Path) -> bool:
    return any((folder / file).is_file() for folder in (path, *path.glob("cifar-*"))
               for file in ("data_batch_1", "train", "batches.meta", "meta"))


def _checked(name: str, file: Path, labels: np.ndarray) -> np.ndarray:
    outside = labels[(labels < 0) | (labels >= CLASSES[name])]
    if len(outside):
        raise DataError(f"{file} has the label {outside[0]}; {name} has 0 to {CLASSES[name] - 1}")
    return labels


def _label_names(name: str, folder: Path | None = None) -> list[str]:
    """Class names; for CIFAR-100 from the file next to the images, else numbers."""
    if name == "cifar10":
        return list(CIFAR10_LABELS)
    file = folder / "fine_label_names.txt" if folder else None
    if file and file.is_file():
        names = file.read_text(encoding="utf-8").split()
        if len(names) == CLASSES[name]:
            return names
    return [str(number) for number in range(CLASSES[name])]
