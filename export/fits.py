"""Does a build fit in memory?  Estimated before its network is built, see `zoo.models.need`."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from zoo.artifact.manifest import Input
from zoo.genotypes.serialization import Genotype
from zoo.models.need import check, check_layers, language_need, need

_CPU = torch.device("cpu")
# Of the weights: the network, its deployed form, the ONNX model, and the files of a format.
_COPIES = 4


def check_images(genotype: Genotype, kind: str, settings: dict[str, int], spec: Input) -> None:
    """Raise TooLargeError for a network that does not fit with the float64 pass over two images
    that every hop is compared with at least, ValueError for more layers than an artifact has."""
    assert spec.height and spec.width and spec.channels

    @torch.no_grad()
    def reference(model: nn.Module, images: Tensor) -> None:
        copy.deepcopy(model).double().eval()(images.double())

    found = need(genotype, kind, settings, (spec.channels, spec.height, spec.width), 2,
                 reference)
    check(found, f"a build of {settings['layers']:,} layers of {settings['channels']:,} channels "
          f"for images of {spec.width}x{spec.height}",
          "take a smaller --size, or fewer --layers or --channels", copies=_COPIES,
          passes=2, device=_CPU)
    check_layers(settings["layers"])


def check_text(genotype: Genotype, vocabulary: int, hidden: int) -> None:
    """As `check_images`, for a language model, whose float64 form is the largest part."""
    found = language_need(genotype, vocabulary, hidden, tokens=8)
    check(found, f"a build of a language model with --hidden {hidden:,} and --vocabulary "
          f"{vocabulary:,}", "take smaller ones", copies=_COPIES + 2, passes=16, device=_CPU)
