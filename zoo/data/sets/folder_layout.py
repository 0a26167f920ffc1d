"""Finds the pictures of each split and class in the common folder layouts.

* torchvision's ImageFolder: ``train/CLASS/*.png`` with ``test/``, ``val/`` or both.  The folders
  may also be named ``training``, ``valid``, ``validation``, ``dev`` or ``testing``, in any case.
* A split without class folders, such as the ``test/`` of a competition, has no labels and is
  ignored.
* tiny-imagenet: ``train/CLASS/images/*`` and ``val/images/*`` with ``val/val_annotations.txt``.
* A single folder of classes, ``CLASS/*.png``: a fifth of each class becomes the test set, selected
  by a hash of the file names, so that training and evaluation agree on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from zoo.data.base import DataError
from zoo.data.picture_files import is_picture
from zoo.messages.notes import listed, note

SEED = 0  # of the test split of a single folder of classes
_TEST_ONE_IN = 5

_ROLES = {name: role for role, names in {
    "train": ("train", "training"), "valid": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing")}.items() for name in names}
_HOLDS_NO_IMAGES = "holds no images (files that Pillow reads, such as .png, .jpg or .tif)"


@dataclass
class FileSplit:
    """The `files` of a split in `folder` by class, and `others`, which are not pictures."""

    folder: Path
    files: dict[str, list[Path]]
    others: list[Path] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(map(len, self.files.values()))


@dataclass
class Layout:
    """The splits of a folder and its classes, in alphabetical order."""

    classes: list[str]
    train: FileSplit
    test: FileSplit
    valid: FileSplit | None = None

    @property
    def splits(self) -> list[FileSplit]:
        return [split for split in (self.train, self.valid, self.test) if split]


def find(path: Path) -> Layout:
    """Find the layout of `path`.

    Raises DataError, with the remedy, for an unknown layout, fewer than two classes, a class
    without training images, and a split with classes that train lacks.
    """
    roles = _roles(path)
    if _is_folder_of_classes(path, roles):
        return _split_off(_by_class(path))
    train = roles.get("train")
    if train is None:
        raise DataError(_no_train(path))
    labeled = {role: split for role in ("valid", "test") if role in roles
                if (split := _labeled(roles[role]))}
    if not labeled:
        raise DataError(f"{path} has no folder test/ (or val/) with a folder for each class; add "
                        f"one, or give --path {train} to use a fifth of it as the test set")
    training = _by_class(train)
    _check_classes(training)
    for split in labeled.values():
        _refuse_other_classes(training, split)
        if not split.count:
            raise DataError(f"{split.folder} {_HOLDS_NO_IMAGES}; add some, or remove the folder")
    test = labeled.get("test") or labeled["valid"]
    return Layout(list(training.files), training, test,
                  labeled["valid"] if "valid" in labeled and "test" in labeled else None)


# --- the roles of folders ---------------------------------------------------------------------


def _folders(path: Path) -> list[Path]:
    return sorted((entry for entry in path.iterdir()
                   if entry.is_dir() and not entry.name.startswith(".")), key=_name)


def _name(path: Path) -> str:
    """The sort key of paths, which are compared without case on Windows."""
    return path.name


def _roles(path: Path) -> dict[str, Path]:
    """The folders of `path` that are named after a split."""
    found: dict[str, Path] = {}
    for folder in _folders(path):
        if role := _ROLES.get(folder.name.casefold()):
            if role in found:
                raise DataError(f"{path} has both {found[role].name}/ and {folder.name}/; remove "
                                "or rename one of them")
            found[role] = folder
    return found


def _is_folder_of_classes(path: Path, roles: dict[str, Path]) -> bool:
    """Whether the folders of `path` are classes, one of which may be named train."""
    if any(_class_folders(folder) for folder in roles.values()):
        return False
    return any(_has_pictures(folder) for folder in _folders(path) if folder not in roles.values())


def _class_folders(folder: Path) -> list[Path]:
    """The class folders of a split, not counting the ``images/`` of tiny-imagenet."""
    found = _folders(folder)
    return [] if [each.name.casefold() for each in found] == ["images"] else found


def _has_pictures(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(is_picture(entry.name) and not entry.is_dir() for entry in entries)


def _no_train(path: Path) -> str:
    """Why `path` has no training images, and the remedy."""
    inside = [folder for folder in _folders(path) if "train" in _safe_roles(folder)]
    if len(inside) == 1:
        return f"{path} has no folder train/, but {inside[0]} does; give that as --path"
    nested = [folder for folder in _folders(path) if any(map(_has_pictures, _folders(folder)))]
    if nested and not _roles(path):
        return _nested(nested[0], path)
    if _has_pictures(path):
        return (f"{path} has no folder train/, and its pictures are not in class folders; move "
                "those of each class to a folder named after it")
    return (f"{path} has no folder train/; expected train/CLASS/*.png and test/CLASS/*.png (or "
            "val/), or just CLASS/*.png")


def _safe_roles(path: Path) -> dict[str, Path]:
    with contextlib.suppress(DataError, OSError):
        return _roles(path)
    return {}


def _nested(folder: Path, split: Path) -> str:
    names = [each.name for each in _folders(folder)]
    return (f"{folder} holds the folders {listed(names)} and no pictures; a class is a folder "
            f"directly in {split}, so move those with pictures there, or the pictures up into "
            f"{folder.name}/")


# --- the files of a split ---------------------------------------------------------------------


def _by_class(folder: Path) -> FileSplit:
    """A split with a folder for each class."""
    split = FileSplit(folder, {})
    for entry in sorted(folder.iterdir(), key=_name):
        if entry.is_dir() and not entry.name.startswith("."):
            images, others = _pictures(entry, folder)
            split.files[entry.name] = images
            split.others += others
        else:
            split.others.append(entry)
    return split


def _pictures(folder: Path, split: Path) -> tuple[list[Path], list[Path]]:
    """The pictures of a class, and its other files."""
    images, others = _scan(folder)
    if images:
        return images, others
    inside = _folders(folder)
    if [each.name.casefold() for each in inside] == ["images"]:  # tiny-imagenet
        images, more = _scan(inside[0])
        return images, [entry for entry in others if entry != inside[0]] + more
    if any(map(_has_pictures, inside)):
        raise DataError(_nested(folder, split))
    return images, others


def _scan(folder: Path) -> tuple[list[Path], list[Path]]:
    images: list[Path] = []
    others: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in entries:  # knows which are folders without a stat call for each
            is_image = is_picture(entry.name) and not entry.is_dir()
            (images if is_image else others).append(Path(entry.path))
    return sorted(images), others


def _labeled(folder: Path) -> FileSplit | None:
    """A validation or test split; None, with a note, if it has no labels."""
    if _class_folders(folder):
        return _by_class(folder)
    annotations = sorted(folder.glob("*_annotations.txt"))
    inside = _folders(folder)
    images, others = _scan(inside[0] if inside else folder)
    if annotations:
        if inside:
            others += [entry for entry in folder.iterdir()
                       if entry not in (*inside, annotations[0])]
        else:
            others.remove(annotations[0])
        return _annotated(folder, annotations[0], images, others)
    note(f"{folder} is ignored: it has no class folders or other labels for its {len(images):,} "
         f"picture{'s' * (len(images) != 1)}")
    return None


def _annotated(folder: Path, file: Path, images: list[Path], others: list[Path]) -> FileSplit:
    """The split whose `images` are labeled by a file of lines: name, tab, class, and more."""
    split = FileSplit(folder, {}, others)
    by_name = {image.name: image for image in images}
    by_stem = {image.stem: image for image in images}  # for images converted to another format
    missing: list[str] = []
    left = dict.fromkeys(images)
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, *columns = line.split("\t")
        if not columns or not columns[0].strip():
            raise DataError(f"{file}: line {number} is not a picture's name, a tab and its "
                            "class; correct it, or sort the pictures into class folders")
        name = PureWindowsPath(name.strip()).name  # splits at either slash
        image = by_name.get(name) or by_stem.get(Path(name).stem)
        if image is None:
            missing.append(name)
        elif image in left:
            del left[image]
            split.files.setdefault(columns[0].strip(), []).append(image)
    if missing:
        note(f"{file} names {len(missing):,} picture{'s' * (len(missing) > 1)} that "
             f"{'are' if len(missing) > 1 else 'is'} missing: {listed(missing)}")
    split.others += left
    return split


# --- classes ----------------------------------------------------------------------------------


def _check_classes(train: FileSplit) -> None:
    """Raise DataError for fewer than two classes, and for a class without pictures."""
    count = len(train.files)
    if count < 2:
        raise DataError(f"{train.folder} has {count or 'no'} class folder{'s' * (count == 0)}; a "
                        "classifier needs at least two")
    if odd := [name for name in train.files if not _is_text(name)]:
        raise DataError(f"{train.folder} has a class folder with an unprintable name, {odd[0]!r}; "
                        "rename it, since the name becomes the label")
    if empty := [name for name, images in train.files.items() if not images]:
        more = "" if len(empty) < 2 or not train.count else (
            f", nor {'do' if len(empty) > 2 else 'does'} {listed(empty[1:])}")
        where = train.folder / empty[0] if train.count else train.folder
        raise DataError(f"{where} {_HOLDS_NO_IMAGES}{more}; add some, or remove the folder")


def _is_text(name: str) -> bool:
    """Whether `name` can be written to a file and printed in a line."""
    return name.isprintable()


def _refuse_other_classes(train: FileSplit, test: FileSplit) -> None:
    """Raise DataError, naming the differences, if `test` has a class that `train` lacks."""
    extra = sorted(set(test.files) - set(train.files))
    missing = sorted(set(train.files) - set(test.files))
    if extra:
        also = (f", and {train.folder} has {listed(missing)}, which {test.folder} lacks"
                if missing else "")
        raise DataError(f"{test.folder} has the class{'es' * (len(extra) > 1)} {listed(extra)}, "
                        f"which {train.folder} lacks{also}; give both folders the same classes")


def _split_off(whole: FileSplit) -> Layout:
    """The layout of a single folder of classes; a note describes the test set."""
    _check_classes(whole)
    train, test = FileSplit(whole.folder, {}, whole.others), FileSplit(whole.folder, {})
    for name, images in whole.files.items():
        # Selected by name, so that an added image moves at most one other image.
        ordered = sorted(images, key=lambda image: hashlib.sha256(
            f"{SEED}/{name}/{image.name}".encode(errors="surrogateescape")).digest())
        count = max(1, round(len(images) / _TEST_ONE_IN)) if len(images) > 1 else 0
        test.files[name] = sorted(ordered[:count])
        train.files[name] = sorted(ordered[count:])
    if not test.count:
        raise DataError(f"{whole.folder} has one picture per class, too few to split off a test "
                        "set; add some")
    note(f"{whole.folder} has no train/ and test/: a fifth of each class, {test.count:,} of "
         f"{whole.count:,} images, is the test set (always the same, seed {SEED})")
    return Layout(list(whole.files), train, test)
