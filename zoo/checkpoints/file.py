"""A file of weights and what it holds: torch's or safetensors, told by its first bytes.

A pickle is never trusted: `torch.load` reads tensors and plain values, for what else is harmless
there are stand-ins (`zoo.checkpoints.harmless`), and what is left is refused, unrun.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from zoo.checkpoints.first_bytes import is_safetensors, is_torch, others
from zoo.checkpoints.unpickling import read, refusal

_SHOWN = 120  # characters of another library's error


class WeightsError(ValueError):
    """Weights that are damaged or of another network; the message names the first misfit."""


def file_content(path: Path) -> bytes:
    """The bytes of a file of weights.  Raises WeightsError where there is none, OSError."""
    if not path.is_file():
        raise WeightsError(f"there is no file or folder {path} to load weights from")
    return path.read_bytes()


def loaded(content: bytes, where: str) -> Any:
    """What a file of weights holds: dicts, lists, tensors and plain values.

    `where` names the file in errors.  Raises WeightsError for one that is damaged, is something
    else, or could run code; the message says what to do.
    """
    if is_safetensors(content):
        return safetensors_of(content, where)
    if is_torch(content):
        return _torch(content, where)
    raise WeightsError(f"{where} {others(content, where)}")


def safetensors_of(content: bytes, where: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file.  Raises WeightsError when it is damaged."""
    try:
        return safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"{where} is not a whole safetensors file "
                           f"({str(error).splitlines()[0][:_SHOWN]}); get it again") from None


def _torch(content: bytes, where: str) -> Any:
    try:
        return read(content)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{where} {refusal(content, where, error)}") from None
    except Exception as error:  # torch and its unpickler raise whatever a damaged file leads to
        why = " ".join(str(error).split())[:_SHOWN] or type(error).__name__
        raise WeightsError(f"{where} is damaged: torch cannot read it ({why}); get it "
                           "again") from None
