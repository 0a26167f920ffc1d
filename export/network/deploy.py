"""The deployed network: exact rewrites in PyTorch before any converter sees the graph.

A trained network becomes a plain graph of convolutions, ReLUs, pools, additions and
concatenations that takes raw pixels and returns logits and probabilities.  Arithmetic on weights is
done in float64, so a rewrite changes only the order of rounding.  `export.network.rewrites` gives
the reason for each rewrite.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from export.network import rewrites
from zoo.artifact.manifest import Input, Rewrite
from zoo.models.operations import FactorizedReduce, Pool
from zoo.models.recurrent import LanguageModel, RecurrentCell


class _Tracer(fx.Tracer):
    """Traces a network; modules with their own rewrite are leaves."""

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        has_rewrite = isinstance(module, (FactorizedReduce, Pool))
        return has_rewrite or super().is_leaf_module(module, qualified_name)


def trace(model: nn.Module) -> fx.GraphModule:
    """The graph of `model` in eval mode."""
    return fx.GraphModule(model, _Tracer().trace(model))


@dataclass
class Deployed:
    """`module` in float32 and eval mode, example inputs by name, and the rewrites applied."""

    module: nn.Module
    example: dict[str, Tensor]
    outputs: tuple[str, ...]
    rewrites: list[Rewrite]


def deploy(model: nn.Module, spec: Input) -> Deployed:
    """The deployed form of an image network or a language model; `model` is not modified.

    Raises ValueError if the network cannot be run on images of `spec`.
    """
    if isinstance(model, LanguageModel):
        return _language_step(model)
    graph, applied = rewritten(model, spec)
    module = ImageClassifier(graph, spec).float().eval()
    applied.append(Rewrite(rewrite="normalization and softmax inside the graph", count=1))
    return Deployed(module, {spec.name: blank(spec)}, ("logits", "probabilities"), applied)


def blank(spec: Input) -> Tensor:
    """Raw pixels (1, H, W, C) of value 0."""
    assert spec.height and spec.width and spec.channels  # set in the manifest of an image network
    return torch.zeros(1, spec.height, spec.width, spec.channels)


def rewritten(model: nn.Module, spec: Input, *further: Tensor
              ) -> tuple[fx.GraphModule, list[Rewrite]]:
    """The graph of `model` in float64 with every rewrite applied, and the rewrites.

    Its inputs are normalized images (N, C, H, W) of `spec` and others like `further`.  Raises
    ValueError if the network cannot be run on them.
    """
    graph = trace(copy.deepcopy(model).double().eval())
    try:
        ShapeProp(graph).propagate(blank(spec).permute(0, 3, 1, 2).double(), *further)
    except RuntimeError:
        raise ValueError(f"the network cannot process {spec.height}x{spec.width} images with "
                         f"{spec.channels} channels: too small, or not the number of channels it "
                         "was built for") from None
    return graph, rewrites.apply(graph)


class ImageClassifier(nn.Module):
    """Raw pixels (N, H, W, C) in `range` -> logits and probabilities, (N, classes)."""

    def __init__(self, network: nn.Module, spec: Input) -> None:
        super().__init__()
        assert spec.range is not None  # only a language model has none
        low, high = spec.range
        scale = torch.tensor([1 / ((high - low) * s) for s in spec.std], dtype=torch.float64)
        shift = torch.tensor([-m / s for m, s in zip(spec.mean, spec.std)], dtype=torch.float64)
        self.normalize = rewrites.ChannelAffine(scale, shift - low * scale)
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.network(self.normalize(pixels.permute(0, 3, 1, 2)))
        return logits, logits.softmax(dim=1)


class LanguageStep(nn.Module):
    """One step: token ids (N,) int32, hidden (N, hidden) -> logits, probabilities, next hidden.

    Embedding and decoder share one matrix, (hidden, vocabulary), in the decoder's layout: with a
    large vocabulary it is most of the download.
    """

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        (cell,) = model.rnns
        assert isinstance(cell, RecurrentCell)
        self.cell, self.bias = cell, model.decoder.bias
        self.tied = nn.Parameter(model.encoder.weight.detach().t().contiguous())

    def forward(self, tokens: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        state = self.cell.step(self.tied.index_select(1, tokens).t(), hidden)
        logits = torch.addmm(self.bias, state, self.tied)
        return logits, logits.softmax(dim=1), state


def _language_step(model: LanguageModel) -> Deployed:
    step = LanguageStep(copy.deepcopy(model)).float().eval()
    example = {"tokens": torch.zeros(1, dtype=torch.int32),
               "hidden": torch.zeros(1, step.cell.hidden)}
    applied = [Rewrite(rewrite="one time step, state in and state out", count=1),
               Rewrite(rewrite="embedding and decoder as one matrix", count=1)]
    return Deployed(step, example, ("logits", "probabilities", "next_hidden"), applied)
