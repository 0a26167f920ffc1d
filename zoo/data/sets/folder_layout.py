"""Where the pictures of each split and class lie: the layouts in which people keep them.

* torchvision's ImageFolder: ``train/CLASS/*.png`` with ``test/``, ``val/`` or both.  The folders
  may be called ``training``, ``valid``, ``validation``, ``dev`` or ``testing``, in any case.
* A folder without class folders beside them, as the ``test/`` of contests: nothing says what is
  on its pictures, so it is not read.
* tiny-imagenet: ``train/CLASS/images/*`` and ``val/images/*`` with ``val/val_annotations.txt``.
* One folder of classes, ``CLASS/*.png``: a fifth of each class is split off as the test set, by a
  hash of the names, so that training and evaluation see the same one.
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

SEED = 0  # of the split of one folder of classes
_SHARE = 5  # one in five is for the test

_ROLES = {name: role for role, names in {
    "train": ("train", "training"), "valid": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing")}.items() for name in names}
_LABELS = "holds no images (files that Pillow reads, as .png, .jpg or .tif)"


@dataclass
class FileSplit:
    """`files` by class, and what lies `beside` them and is no picture of a class; `folder` is where
    they are."""

    folder: Path
    files: dict[str, list[Path]]
    beside: list[Path] = field(default_factory=list)

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
    """The layout of `path`.  Raises DataError, with what is to be moved where, for one that is none
    of those above, for fewer than two classes, for a class without a training image, and for
    splits whose classes are not those of train."""
    roles = _roles(path)
    if _is_folder_of_classes(path, roles):
        return _split_off(_by_class(path))
    train = roles.get("train")
    if train is None:
        raise DataError(_no_train(path))
    labeled = {role: split for role in ("valid", "test") if role in roles
                if (split := _labeled(roles[role]))}
    if not labeled:
        raise DataError(f"{path} has no folder test/ (or val/) with a folder for each class; make "
                        f"one, or give --path {train}, of which a fifth becomes the test set")
    learned = _by_class(train)
    _check_classes(learned)
    for split in labeled.values():
        _refuse_other_classes(learned, split)
        if not split.count:
            raise DataError(f"{split.folder} {_LABELS}; put some in, or take the folder out")
    test = labeled.get("test") or labeled["valid"]
    return Layout(list(learned.files), learned, test,
                  labeled["valid"] if "valid" in labeled and "test" in labeled else None)


# --- which folder is what ---------------------------------------------------------------------


def _folders(path: Path) -> list[Path]:
    return sorted((entry for entry in path.iterdir()
                   if entry.is_dir() and not entry.name.startswith(".")), key=_name)


def _name(path: Path) -> str:
    """What paths are sorted by: paths themselves are sorted without regard to case on Windows."""
    return path.name


def _roles(path: Path) -> dict[str, Path]:
    """The folders of `path` that are named after a split."""
    found: dict[str, Path] = {}
    for folder in _folders(path):
        if role := _ROLES.get(folder.name.casefold()):
            if role in found:
                raise DataError(f"{path} has both {found[role].name}/ and {folder.name}/; leave "
                                "one of them, or rename the other one")
            found[role] = folder
    return found


def _is_folder_of_classes(path: Path, roles: dict[str, Path]) -> bool:
    """Do the folders of `path` stand for classes?  One may be called train."""
    if any(_class_folders(folder) for folder in roles.values()):
        return False
    return any(_has_pictures(folder) for folder in _folders(path) if folder not in roles.values())


def _class_folders(folder: Path) -> list[Path]:
    """Folders in a split, but for the one in which tiny-imagenet keeps what has no classes."""
    found = _folders(folder)
    return [] if [each.name.casefold() for each in found] == ["images"] else found


def _has_pictures(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(is_picture(entry.name) and not entry.is_dir() for entry in entries)


def _no_train(path: Path) -> str:
    """Why there is nothing to train on in `path`, and what to do."""
    inside = [folder for folder in _folders(path) if "train" in _safe_roles(folder)]
    if len(inside) == 1:
        return f"{path} has no folder train/, but {inside[0]} has; give that one with --path"
    nested = [folder for folder in _folders(path) if any(map(_has_pictures, _folders(folder)))]
    if nested and not _roles(path):
        return _nested(nested[0], path)
    if _has_pictures(path):
        return (f"{path} has no folder train/, and pictures that are in no folder; put those of "
                "each class into a folder that has its name")
    return (f"{path} has no folder train/; expected train/CLASS/*.png and test/CLASS/*.png (or "
            "val/), or CLASS/*.png alone")


def _safe_roles(path: Path) -> dict[str, Path]:
    with contextlib.suppress(DataError, OSError):
        return _roles(path)
    return {}


def _nested(folder: Path, split: Path) -> str:
    names = [each.name for each in _folders(folder)]
    return (f"{folder} holds the folders {listed(names)} and no picture of its own; a class is a "
            f"folder right below {split}, so move those with pictures there, or the pictures up "
            f"into {folder.name}/")


# --- what is in a split -----------------------------------------------------------------------


def _by_class(folder: Path) -> FileSplit:
    """A split that has a folder for each class."""
    split = FileSplit(folder, {})
    for entry in sorted(folder.iterdir(), key=_name):
        if entry.is_dir() and not entry.name.startswith("."):
            images, beside = _pictures(entry, folder)
            split.files[entry.name] = images
            split.beside += beside
        else:
            split.beside.append(entry)
    return split


def _pictures(folder: Path, split: Path) -> tuple[list[Path], list[Path]]:
    """The pictures of a class, and what lies beside them."""
    images, beside = _scanned(folder)
    if images:
        return images, beside
    inside = _folders(folder)
    if [each.name.casefold() for each in inside] == ["images"]:  # as tiny-imagenet has them
        images, more = _scanned(inside[0])
        return images, [entry for entry in beside if entry != inside[0]] + more
    if any(map(_has_pictures, inside)):
        raise DataError(_nested(folder, split))
    return images, beside


def _scanned(folder: Path) -> tuple[list[Path], list[Path]]:
    images: list[Path] = []
    beside: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in entries:  # it knows which are folders without asking the disk for each
            taken = is_picture(entry.name) and not entry.is_dir()
            (images if taken else beside).append(Path(entry.path))
    return sorted(images), beside


def _labeled(folder: Path) -> FileSplit | None:
    """A split beside train; None, with a note, where nothing says what is on its pictures."""
    if _class_folders(folder):
        return _by_class(folder)
    named = sorted(folder.glob("*_annotations.txt"))
    inside = _folders(folder)
    images, beside = _scanned(inside[0] if inside else folder)
    if named:
        if inside:
            beside += [entry for entry in folder.iterdir() if entry not in (*inside, named[0])]
        else:
            beside.remove(named[0])
        return _annotated(folder, named[0], images, beside)
    note(f"{folder} is not read: it has no folders of classes, and nothing else says what is on "
         f"its {len(images):,} picture{'s' * (len(images) != 1)}")
    return None


def _annotated(folder: Path, file: Path, images: list[Path], beside: list[Path]) -> FileSplit:
    """The split whose `images` a text labels: lines of a name, a tab, a class, and more."""
    split = FileSplit(folder, {}, beside)
    by_name = {image.name: image for image in images}
    by_stem = {image.stem: image for image in images}  # converted to another format since
    missing: list[str] = []
    left = dict.fromkeys(images)
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, *columns = line.split("\t")
        if not columns or not columns[0].strip():
            raise DataError(f"{file}: line {number} is not the name of a picture, a tab and its "
                            "class; mend it, or sort the pictures into folders of classes")
        name = PureWindowsPath(name.strip()).name  # takes either slash
        image = by_name.get(name) or by_stem.get(Path(name).stem)
        if image is None:
            missing.append(name)
        elif image in left:
            del left[image]
            split.files.setdefault(columns[0].strip(), []).append(image)
    if missing:
        note(f"{file} names {len(missing):,} picture{'s' * (len(missing) > 1)} that "
             f"{'are' if len(missing) > 1 else 'is'} not there: {listed(missing)}")
    split.beside += left
    return split


# --- classes ----------------------------------------------------------------------------------


def _check_classes(train: FileSplit) -> None:
    """Raise DataError for fewer than two classes, and for one without a picture."""
    count = len(train.files)
    if count < 2:
        raise DataError(f"{train.folder} has {count or 'no'} class folder{'s' * (count == 0)}; a "
                        "classifier needs at least two")
    if odd := [name for name in train.files if not _is_text(name)]:
        raise DataError(f"{train.folder} has a class folder whose name is not text, {odd[0]!r}; "
                        "rename it: its name becomes the label")
    if empty := [name for name, images in train.files.items() if not images]:
        more = "" if len(empty) < 2 or not train.count else (
            f", nor {'do' if len(empty) > 2 else 'does'} {listed(empty[1:])}")
        where = train.folder / empty[0] if train.count else train.folder
        raise DataError(f"{where} {_LABELS}{more}; put some in, or take the folder out")


def _is_text(name: str) -> bool:
    """Can it be written to a file and shown in a line?"""
    return name.isprintable()


def _refuse_other_classes(train: FileSplit, test: FileSplit) -> None:
    """Raise DataError, with what each side has alone, where the test has a class of its own."""
    extra = sorted(set(test.files) - set(train.files))
    missing = sorted(set(train.files) - set(test.files))
    if extra:
        also = (f", and {train.folder} has {listed(missing)}, which {test.folder} has not"
                if missing else "")
        raise DataError(f"{test.folder} has the class{'es' * (len(extra) > 1)} {listed(extra)}, "
                        f"which {train.folder} has not{also}; give both folders the same classes")


def _split_off(whole: FileSplit) -> Layout:
    """The layout of one folder of classes; a note says what becomes the test set."""
    _check_classes(whole)
    train, test = FileSplit(whole.folder, {}, whole.beside), FileSplit(whole.folder, {})
    for name, images in whole.files.items():
        # By names and not by numbers: an image more moves at most one of the others.
        ordered = sorted(images, key=lambda image: hashlib.sha256(
            f"{SEED}/{name}/{image.name}".encode(errors="surrogateescape")).digest())
        count = max(1, round(len(images) / _SHARE)) if len(images) > 1 else 0
        test.files[name] = sorted(ordered[:count])
        train.files[name] = sorted(ordered[count:])
    if not test.count:
        raise DataError(f"{whole.folder} has one picture in each class, and a test set needs more; "
                        "add some")
    note(f"{whole.folder} has no train/ and test/: a fifth of each class, {test.count:,} of "
         f"{whole.count:,} images, is the test set (seed {SEED}, the same every time)")
    return Layout(list(whole.files), train, test)
