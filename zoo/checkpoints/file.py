"""Loads a weights file, of torch or safetensors, recognized by its first bytes.

Pickles are never trusted: `torch.load` reads tensors and plain values, other harmless classes have
stand-ins (`zoo.checkpoints.harmless`), and everything else is refused without running it.
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
    """Weights that are damaged or of another network; the message names the first mismatch."""


def file_content(path: Path) -> bytes:
    """The bytes of a weights file.  Raises WeightsError if there is no file, OSError."""
    if not path.is_file():
        raise WeightsError(f"there is no file or folder {path} to load weights from")
    return path.read_bytes()


def loaded(content: bytes, where: str) -> Any:
    """Load a weights file: dicts, lists, tensors and plain values.

    `where` names the file in errors.  Raises WeightsError, with the remedy, for a file that is
    damaged, of another kind, or could run code.
    """
    if is_safetensors(content):
        return safetensors_of(content, where)
    if is_torch(content):
        return _torch(content, where)
    raise WeightsError(f"{where} {others(content, where)}")


def safetensors_of(content: bytes, where: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file.  Raises WeightsError if it is damaged."""
    try:
        return safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"{where} is not a complete safetensors file "
                           f"({str(error).splitlines()[0][:_SHOWN]}); get it again") from None


def _torch(content: bytes, where: str) -> Any:
    try:
        return read(content)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{where} {refusal(content, where, error)}") from None
    except Exception as error:  # a damaged file can make torch's unpickler raise anything
        why = " ".join(str(error).split())[:_SHOWN] or type(error).__name__
        raise WeightsError(f"{where} is damaged: torch cannot read it ({why}); get it "
                           "again") from None
