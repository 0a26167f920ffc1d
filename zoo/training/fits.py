"""Checks that a training fits in memory before its network is built; see `zoo.models.need`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.data.base import ImageData
from zoo.data.text import TextData
from zoo.genotypes.serialization import Genotype
from zoo.models import fused_conv
from zoo.models.need import Load, check_image_network, check_language_model
from zoo.recipes.image import Recipe
from zoo.recipes.language import LanguageRecipe
from zoo.system import distributed
from zoo.training.tasks.image import cross_entropy

_STEP = 3  # passes: the backward pass costs two forward passes
_IMAGE_REMEDY = "take a smaller --size or --batch-size, or fewer --layers or --channels"
_TEXT_REMEDY = "take a smaller --hidden or --batch-size"


def check_images(genotype: Genotype, data: ImageData, recipe: Recipe, device: torch.device,
                 dtype: torch.dtype) -> None:
    """Raise TooLargeError for a network that does not fit on `device` with its largest batch,
    ValueError for more layers than an artifact allows."""
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
    batch = min(recipe.batch_size, count) / distributed.size()
    load = Load(copies=2 + bool(recipe.ema_decay),  # with momentum; gradients are activations here
                passes=_STEP * count * recipe.epochs / distributed.size(), device=device,
                low_precision=dtype != torch.float32)
    check_image_network("training", genotype, recipe.network, settings,
                        (batch, channels, height, width), step, load, _IMAGE_REMEDY)


def check_text(genotype: Genotype, data: TextData, recipe: LanguageRecipe, device: torch.device,
               dtype: torch.dtype) -> None:
    """Raise TooLargeError for a language model that does not fit on `device` with its batch."""
    streams = recipe.batch_size / distributed.size()
    tokens = len(data.train) * recipe.epochs / distributed.size()
    # Weights, gradients, and the average of nt-asgd or the two moments of AdamW.
    load = Load(copies=3 + (recipe.optimizer == "adamw") + bool(recipe.ema_decay),
                passes=_STEP * tokens, device=device, low_precision=dtype != torch.float32)
    check_language_model("training", genotype, data.vocabulary_size, recipe.hidden,
                         streams * recipe.bptt, load, _TEXT_REMEDY)
