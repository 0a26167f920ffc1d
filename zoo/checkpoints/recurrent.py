"""Language models of the 2018 release (github.com/quark0/darts, rnn/): embedding, one cell of
weights without batch-norm, a decoder that shares the embedding's weights.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from zoo.checkpoints.darts import size
from zoo.checkpoints.file import WeightsError

MARK = "rnns.0._W0"
NAMES = (MARK, "encoder.weight", "decoder.weight")
_NORM = re.compile(r"rnns\.\d+\.bn\.")


def is_supernet(name: str) -> bool:
    """Whether a tensor is one of a search, whose cell has a batch-norm."""
    return _NORM.match(name) is not None


def sizes(tensors: dict[str, Tensor], where: str) -> dict[str, int]:
    """Vocabulary, embedding and hidden, from the shapes.  Raises WeightsError."""
    vocabulary, embedding = size("encoder.weight", 2, tensors, where)
    hidden = size(MARK, 2, tensors, where)[1] // 2
    if embedding != hidden:
        raise WeightsError(f"{where} has an embedding of {embedding} and a cell of {hidden}; only "
                           "language models whose decoder shares the embedding are read, where "
                           "the two are equal")
    return {"vocabulary": vocabulary, "embedding": embedding, "hidden": hidden}


def tied(tensors: dict[str, Tensor], where: str) -> dict[str, Tensor]:
    """With the weights that embedding and decoder share once, as the embedding's.

    Old checkpoints store both, safetensors files either.  Raises WeightsError where they differ.
    """
    if MARK not in tensors or "decoder.weight" not in tensors:
        return tensors
    tensors = dict(tensors)
    decoder = tensors.pop("decoder.weight")
    encoder = tensors.setdefault("encoder.weight", decoder)
    if decoder.shape != encoder.shape or not _equal(decoder, encoder):
        raise WeightsError(f"{where}: decoder.weight is not encoder.weight; only the tied language "
                           "model of the release is read")
    return tensors


def _equal(one: Tensor, other: Tensor) -> bool:
    """NaN is equal to NaN here: it is another's to tell of."""
    return one is other or torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
