"""Does a training fit in memory?  Estimated before its network is built, see `zoo.models.need`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.data.base import ImageData
from zoo.data.text import TextData
from zoo.genotypes.serialization import Genotype
from zoo.models import fused_conv
from zoo.models.need import IMAGES, TEXTS, check, check_layers, language_need, need
from zoo.recipes.image import Recipe
from zoo.recipes.language import LanguageRecipe
from zoo.system import distributed
from zoo.training.tasks.image import cross_entropy

_STEP = 3  # a forward pass and a backward pass, which is two of them


def check_images(genotype: Genotype, data: ImageData, recipe: Recipe, device: torch.device,
                 dtype: torch.dtype) -> None:
    """Raise TooLargeError for a network that does not fit on `device` with its largest batch of
    images, ValueError for more layers than an artifact has."""
    _, height, width, channels = data.train.images.shape
    if recipe.sizes:
        height = width = max(recipe.sizes)
    settings = {"channels": recipe.channels, "layers": recipe.layers, "in_channels": channels,
                "num_classes": len(data.labels), "auxiliary": recipe.auxiliary_weight > 0}

    def step(model: nn.Module, images: Tensor) -> None:
        labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        loss, _ = cross_entropy(fused_conv.forward(model.train(), images), labels, recipe)
        torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)

    count = len(data.train.labels) + recipe.drawings
    batch = min(recipe.batch_size, count)
    found = need(genotype, recipe.network, settings, (channels, height, width),
                 batch / distributed.size(), step)
    check(found, f"a training of {recipe.layers:,} layers of {recipe.channels:,} channels on "
          f"{batch:,} images of {width}x{height} at a time", IMAGES,
          copies=2 + bool(recipe.ema_decay),  # with the momentum; gradients are in `found`
          passes=_STEP * count * recipe.epochs / distributed.size(), device=device,
          low_precision=dtype != torch.float32)
    check_layers(recipe.layers)


def check_text(genotype: Genotype, data: TextData, recipe: LanguageRecipe, device: torch.device,
               dtype: torch.dtype) -> None:
    """Raise TooLargeError for a language model that does not fit on `device` with its batch."""
    streams = recipe.batch_size / distributed.size()
    found = language_need(genotype, data.vocabulary_size, recipe.hidden, streams * recipe.bptt)
    tokens = len(data.train) * recipe.epochs / distributed.size()
    # Weights, gradients, and the average of nt-asgd or the two moments of AdamW.
    copies = 3 + (recipe.optimizer == "adamw") + bool(recipe.ema_decay)
    check(found, f"a training of a language model with --hidden {recipe.hidden:,} and "
          f"{data.vocabulary_size:,} {data.by}s", TEXTS, copies=copies, passes=_STEP * tokens,
          device=device, low_precision=dtype != torch.float32)
