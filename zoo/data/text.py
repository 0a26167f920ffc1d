"""Loads texts by name into memory, as token ids.

Penn Treebank: Marcus et al. 1993, prepared by Mikolov et al. 2010; WikiText-2: Merity et al. 2016
(arXiv 1609.07843), both from the Hugging Face Hub or from text files in a folder.  A custom text is
a single file.  `zoo.data.text_batches` divides texts into batches.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.data.base import DataError
from zoo.data.sets.hub import load_from_hub
from zoo.messages.command_line import command
from zoo.messages.spelling import choices
from zoo.system.encoding import EncodingError, decode

#: The names that `load_text` accepts, with their help texts.
TEXT_NAMES = {
    "sample": "100 kB of Shakespeare, nothing to download",
    "ptb": "Penn Treebank, from the Hugging Face Hub or a folder at --path",
    "wikitext2": "WikiText-2, from the Hugging Face Hub or a folder at --path",
    "text": "the text file at --path",
}
UNITS = ("word", "char")
END_OF_LINE = "<eos>"  # ends every line of a text read by word

_SAMPLE = Path(__file__).with_name("shakespeare.txt")
_SPLITS = ("train", "valid", "test")
_FILES = ("{}.txt", "wiki.{}.tokens", "ptb.{}.txt", "wiki.{}.raw")
_COLUMNS = {"ptb": "sentence", "wikitext2": "text"}  # in the data sets of the hub
_SHARES = (0.90, 0.95)  # ends of the training and the validation text in a single file


@dataclass(frozen=True)
class TextData:
    """Token ids, int64, of the three splits, and the vocabulary: the token of each id.

    `by` is the unit of a token, "word" or "char".
    """

    name: str
    by: str
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    vocabulary: list[str]

    @property
    def vocabulary_size(self) -> int:
        return len(self.vocabulary)


def load_text(name: str, path: Path | str | None = None, by: str | None = None) -> TextData:
    """Load the text `name` from `path`, a folder, or for "text" a file.

    `by` "word" splits at whitespace and ends each line with <eos>, "char" reads characters; None
    is by word for ptb and wikitext2, else by character.  A single file is split 90/5/5 in order.
    The vocabulary covers all three splits, as in the 2018 release.
    Raises DataError (ValueError) for an unknown name, missing, empty, non-Unicode or too small
    files, a text with a single distinct token, and an unreachable hub.
    """
    if name not in TEXT_NAMES:
        raise DataError(f"unknown text {choices(name, TEXT_NAMES)}")
    if by is None:
        by = "word" if name in _COLUMNS else "char"
    if by not in UNITS:
        raise DataError(f"a text is read by {' or '.join(UNITS)}, not by {by!r}")
    parts = [_tokens(text, by) for text in _texts(name, None if path is None else Path(path))]
    if len(parts) == 1:
        parts = _cut(parts[0], path or name, by)
    for split, part in zip(_SPLITS, parts):
        if len(part) < 2:
            raise DataError(f"the {split} text of {path or name} has {len(part)} {by}s and needs "
                            "at least 2, one to read and one to predict; give a longer one")
    numbers: dict[str, int] = {}
    ids = [np.array([numbers.setdefault(token, len(numbers)) for token in part], np.int64)
           for part in parts]
    if len(numbers) < 2:
        raise DataError(f"{path or name} repeats a single {by}, so there is nothing to learn; give "
                        "another text")
    train, valid, test = ids
    return TextData(name, by, train, valid, test, list(numbers))


def named_text(data: str, path: Path | str | None = None, by: str | None = None) -> TextData:
    """Load `data`, the name of a text or a file; a file's text is named after the file.

    Raises DataError as `load_text` does.
    """
    if data in TEXT_NAMES:
        return load_text(data, path, by)
    file = Path(data)
    if not file.is_file():
        raise DataError("there is no text file and no known text "
                        f"{choices(data, TEXT_NAMES)}, or the path of a file of your own")
    if path is not None:
        raise DataError(f"--data {data} is already a file; omit --path")
    name = f"{file.stem}_text" if file.stem in TEXT_NAMES else file.stem
    return dataclasses.replace(load_text("text", file, by), name=name)


def _tokens(text: str, by: str) -> list[str]:
    if by == "char":
        return list(text)
    # Lines end at \n only, as when reading a file; `splitlines` splits at eight more characters.
    lines = text.removesuffix("\n").split("\n")
    return [token for line in lines for token in (*line.split(), END_OF_LINE)]


def _cut(tokens: list[str], where: object, by: str) -> list[list[str]]:
    first, second = (int(share * len(tokens)) for share in _SHARES)
    parts = [tokens[:first], tokens[first:second], tokens[second:]]
    if min(map(len, parts)) < 2:
        raise DataError(f"{where} is too small: of {len(tokens)} {by}s, 5% for validation leaves "
                        "nothing to predict; give a longer text")
    return parts


# --- sources ----------------------------------------------------------------------------------


def _texts(name: str, path: Path | None) -> list[str]:
    """The whole text, or the training, validation and test texts."""
    if name == "sample":
        if path is not None:
            raise DataError("the sample comes with the package; omit --path, or use "
                            f"{command('--data', 'text', '--path', path)}")
        return [_read(_SAMPLE)]
    if name == "text":
        if path is None:
            raise DataError("--data text needs --path, a text file")
        if path.is_dir():
            raise DataError(f"{path} is a folder; --data text reads a file (use --data ptb or "
                            "wikitext2 for a folder with train.txt, valid.txt and test.txt)")
        return [_read(path)]
    if path is None:
        return _from_hub(name)
    return [_read(file) for file in _split_files(name, path)]


def _split_files(name: str, folder: Path) -> list[Path]:
    if folder.is_file():
        raise DataError(f"{folder} is a file; {name} is a folder with train.txt, valid.txt and "
                        "test.txt; for a single file use "
                        f"{command('--data', 'text', '--path', folder)}")
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; give a folder with train.txt, valid.txt and "
                        "test.txt as --path")
    found = {split: next((file for pattern in _FILES
                          if (file := folder / pattern.format(split)).is_file()), None)
             for split in _SPLITS}
    missing = [split for split, file in found.items() if file is None]
    if missing:
        present = [file.name for file in found.values() if file is not None]
        names = " or ".join(pattern.format(missing[0]) for pattern in _FILES[:3])
        remedy = ""
        if present:
            single = command("--data", "text", "--by", "word", "--path", folder / present[0])
            remedy = f"; it has {' and '.join(present)}; add it, or use a single file: {single}"
        raise DataError(f"{folder} has no {missing[0]} split of {name}: {names} "
                        f"is missing{remedy}")
    return [file for file in found.values() if file is not None]


def _read(file: Path) -> str:
    """Read a text, with all line endings converted to newlines."""
    try:
        text = decode(file.read_bytes())
    except EncodingError as error:
        raise DataError(f"{file} {error}") from None
    except FileNotFoundError:
        raise DataError(f"there is no file {file}") from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
    if not text.strip():
        raise DataError(f"{file} is empty; give a file with text in it")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _from_hub(name: str) -> list[str]:
    parts = load_from_hub(name)
    return ["".join(f"{line.rstrip()}\n" for line in parts[split][_COLUMNS[name]])
            for split in ("train", "validation", "test")]
