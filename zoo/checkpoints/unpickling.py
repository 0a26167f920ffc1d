"""Reads files of `torch.save` without running any code in them.

Torch's own unpickler creates tensors and plain values, with stand-ins for other harmless classes
(`zoo.checkpoints.harmless`).  A file with anything else is refused.  To find its weights, it is
read once more with stand-ins for everything, so that the error can show the code that saves them.
"""

from __future__ import annotations

import contextlib
import io
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from zoo.checkpoints.first_bytes import state_name
from zoo.checkpoints.harmless import STAND_INS, Nothing, stand_in

#: Pickles of protocol 2 use the module names of Python 2, torch their current names.
_PYTHON_3_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg"}


class _Code(Nothing):
    """Stands in for a class or function that could run code."""


def read(content: bytes) -> Any:
    """The content of a file of `torch.save`, with tensors on the CPU.

    Raises UnpicklingError for a file that could run code, and any error for a damaged one.
    """
    return _read(content, STAND_INS)


def _read(content: bytes, stand_ins: list[Any]) -> Any:
    with warnings.catch_warnings(), torch.serialization.safe_globals(stand_ins):
        warnings.simplefilter("ignore")  # about pickle protocols, which are refused anyway
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def refusal(content: bytes, where: str, error: UnpicklingError) -> str:
    """Why a file is refused, and the remedy: a message that continues its name, `where`."""
    message = str(error)
    if operand := re.search(r"Unsupported operand (\d+)", message):
        return _unsupported_opcode(int(operand[1]), where)
    found = re.search(r"(?:GLOBAL|Unsupported class) ([\w.]+)"
                      r"|<(?:built-in )?(?:class|function) '?([\w.]+)", message)
    if found is None:
        return "is damaged: its pickle is not one that torch.save writes; get it again"
    first, second = _lines(content, where)
    return (f"holds more than tensors and plain values ({found[1] or found[2]}), which could run "
            "any code, so it is not loaded; if you trust it, save just its weights with the "
            f"code that wrote it: `{first}`, then `{second}`")


def _unsupported_opcode(code: int, where: str) -> str:
    """The message for a pickle opcode that torch's unpickler does not support."""
    protocol = next((each.proto for each in pickletools.opcodes if ord(each.code) == code), 0)
    if protocol < 3:
        return "is damaged: its pickle has an instruction that torch.save does not write; get it " \
               "again"
    return ("was saved with a pickle_protocol above 2, torch's default and the only one that can "
            f"be read safely; if you trust it: `state = torch.load({where!r}, "
            f"weights_only=False)`, then `torch.save(state, {state_name(where)!r})`")


def _lines(content: bytes, where: str) -> tuple[str, str]:
    """The two lines of Python that save the weights of a file alone."""
    index, expression = "", "model.state_dict()"
    with contextlib.suppress(Exception):  # also damaged, or not written by torch
        names = _names(content) - {f"{one.__module__}.{one.__qualname__}" for one in STAND_INS}
        loaded = _read(content, STAND_INS + [stand_in(name, _Code) for name in names])
        place, value = max(_entries(loaded), key=lambda entry: _weight(entry[1]))
        index = "".join(f"[{key!r}]" for key in place)
        if isinstance(value, dict):
            expression = "model" if not any(map(_is_code, value.values())) else (
                "{name: value for name, value in model.items() if torch.is_tensor(value)}")
    return (f"model = torch.load({where!r}, weights_only=False){index}",
            f"torch.save({expression}, {state_name(where)!r})")


def _names(content: bytes) -> set[str]:
    """All classes and functions, 'module.name', in the pickles of a file."""
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            record = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            content = archive.read(record)
    names, stream = set(), io.BytesIO(content)
    with contextlib.suppress(Exception):  # in old files, tensors follow the pickles
        while True:
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name == "GLOBAL":
                    module, name = str(argument).split(" ", 1)
                    names.add(f"{_PYTHON_3_NAMES.get(module, module)}.{name}")
    return names


def _entries(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Dicts with tensors and stand-ins for code, with the keys that lead to them."""
    if _is_code(value) or (isinstance(value, dict) and _weight(value)):
        yield place, value
    if isinstance(value, dict) and len(place) < 4:
        for key, entry in value.items():
            if "optim" not in str(key):
                yield from _entries(entry, (*place, key))


def _is_code(value: Any) -> bool:
    return isinstance(value, _Code) or (isinstance(value, type) and issubclass(value, _Code))


def _weight(value: Any) -> int:
    """The number of tensors in a dict; code, which may be a network, counts as four."""
    if not isinstance(value, dict):
        return 4
    return sum(isinstance(key, str) and isinstance(entry, Tensor) for key, entry in value.items())
