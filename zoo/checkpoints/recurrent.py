"""Language models of the 2018 release (github.com/quark0/darts, rnn/): embedding, one cell
without batch-norm, and a tied decoder.
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
    """Whether a tensor belongs to a supernet, whose cell has a batch-norm."""
    return _NORM.match(name) is not None


def sizes(tensors: dict[str, Tensor], where: str) -> dict[str, int]:
    """Infer vocabulary, embedding and hidden size from the shapes.  Raises WeightsError."""
    vocabulary, embedding = size("encoder.weight", 2, tensors, where)
    hidden = size(MARK, 2, tensors, where)[1] // 2
    if embedding != hidden:
        raise WeightsError(f"{where} has an embedding of {embedding} and a cell of {hidden}; only "
                           "language models with a tied decoder, whose sizes are equal, are "
                           "supported")
    return {"vocabulary": vocabulary, "embedding": embedding, "hidden": hidden}


def tied(tensors: dict[str, Tensor], where: str) -> dict[str, Tensor]:
    """Keep the tied weights only once, as those of the embedding.

    Old checkpoints store both copies, safetensors files either.  Raises WeightsError if they
    differ.
    """
    if MARK not in tensors or "decoder.weight" not in tensors:
        return tensors
    tensors = dict(tensors)
    decoder = tensors.pop("decoder.weight")
    encoder = tensors.setdefault("encoder.weight", decoder)
    if decoder.shape != encoder.shape or not _equal(decoder, encoder):
        raise WeightsError(f"{where}: decoder.weight differs from encoder.weight; only language "
                           "models with a tied decoder are supported")
    return tensors


def _equal(one: Tensor, other: Tensor) -> bool:
    """Exact equality, with NaN equal to NaN, which `zoo.weights.numbers` reports."""
    return one is other or torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
