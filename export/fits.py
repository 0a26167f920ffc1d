"""Memory checks of a build before its network is created; see `zoo.models.need`."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from zoo.artifact.manifest import Input
from zoo.genotypes.serialization import Genotype
from zoo.models.need import Load, check_image_network, check_language_model

# Copies of the weights: the network, its deployed form, the ONNX model, the files of a format.
_COPIES = 4
_TEST_IMAGES = 2  # the minimum in a parity check


def check_images(genotype: Genotype, kind: str, settings: dict[str, int], spec: Input) -> None:
    """Raise TooLargeError if a network and its float64 reference pass do not fit in memory,
    ValueError for more layers than an artifact allows."""
    assert spec.height and spec.width and spec.channels

    @torch.no_grad()
    def reference(model: nn.Module, images: Tensor) -> None:
        copy.deepcopy(model).double().eval()(images.double())

    check_image_network("building", genotype, kind, settings,
                        (_TEST_IMAGES, spec.channels, spec.height, spec.width), reference,
                        Load(copies=_COPIES, passes=_TEST_IMAGES),
                        "take a smaller --size, or fewer --layers or --channels")


def check_text(genotype: Genotype, vocabulary: int, hidden: int) -> None:
    """Raise TooLargeError if a language model does not fit in memory.

    The float64 reference adds two copies of the weights.
    """
    check_language_model("building", genotype, vocabulary, hidden, 8,
                         Load(copies=_COPIES + 2, passes=16),
                         "take a smaller --hidden or --vocabulary")
