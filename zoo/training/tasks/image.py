"""The training task for images: SGD with momentum, an auxiliary head, increasing drop-path.

Liu et al. 2019 (arXiv 1806.09055, appendix A.2).  The settings are in `zoo.recipes.image`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.create import create_model
from zoo.data.base import ImageData, Split
from zoo.data.image_batches import Batches
from zoo.genotypes.serialization import Genotype
from zoo.models import fused_conv
from zoo.models.factory import ImageNetwork
from zoo.recipes.image import Recipe
from zoo.system import distributed
from zoo.training import fine_tuning
from zoo.training.evaluation import predict, score
from zoo.training.tasks.base import Batch, Task
from zoo.weights import PretrainedWeights


class ImageTask(Task):
    """Trains the network of `genotype` on the training images of `data`.

    `valid` are held-out images that select the best epoch; training starts from `weights`.
    Raises ValueError for a batch or a data set that is too small for the number of processes.
    """

    captured = True

    def __init__(self, genotype: Genotype, data: ImageData, recipe: Recipe, seed: int,
                 device: torch.device, valid: Split | None = None,
                 weights: PretrainedWeights | None = None) -> None:
        self.genotype, self.data, self.valid = genotype, data, valid
        self.recipe: Recipe = recipe
        self._weights = weights
        self._batches = Batches(data, recipe, seed, device)
        self.length = self._batches.steps
        if valid:
            self.measure = "valid_accuracy", operator.gt

    def build(self, device: torch.device) -> nn.Module:
        recipe, data = self.recipe, self.data
        model: nn.Module = create_model(
            self.genotype, recipe.network, channels=recipe.channels, layers=recipe.layers,
            num_classes=len(data.labels), in_channels=data.train.images.shape[-1],
            auxiliary=recipe.auxiliary_weight > 0,
        )
        # Twice as fast on GPUs and CPUs.
        model = model.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's stubs lack it
        if self._weights:
            assert isinstance(model, ImageNetwork)
            fine_tuning.warm_start(model, self._weights, recipe)
        return model

    def optimizer(self, model: nn.Module) -> torch.optim.SGD:
        return make_optimizer(model, self.recipe)

    def begin_epoch(self, model: nn.Module, epoch: int) -> float:
        """Set the drop-path probability, which increases linearly."""
        assert isinstance(model, ImageNetwork)
        model.set_drop_path(self.recipe.drop_path * epoch / self.recipe.epochs)
        return self.recipe.drop_path * epoch

    def batches(self, model: nn.Module, epoch: int, seed: int) -> Iterator[Batch]:
        for step, (images, labels) in enumerate(self._batches.epoch(epoch)):
            yield Batch((images, labels), len(labels), step, step + 1)

    def loss(self, model: nn.Module, *inputs: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Cross-entropy including the auxiliary head; the loss and the number of correct images.
        """
        images, labels = inputs
        loss, logits = cross_entropy(fused_conv.forward(model, images), labels, self.recipe)
        return loss, (loss.detach(), (logits.detach().argmax(1) == labels).sum())

    def observe(self, seen: Sequence[Tensor], size: int) -> Tensor:
        loss, num_correct = seen
        return torch.stack([loss * size, num_correct])

    def row(self, sums: Tensor, count: int, rate: float) -> dict:
        loss, accuracy = (sums / count).tolist()
        return {"images": count * distributed.size(), "learning_rate": rate,
                "train_loss": loss, "train_accuracy": accuracy}

    def validate(self, model: nn.Module) -> dict[str, float]:
        assert self.valid
        logits = predict(model, self.valid.images, self.data.mean, self.data.std)
        return {"valid_accuracy": score(logits, self.valid.labels,
                                        len(self.data.labels)).accuracy}


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD with momentum; `recipe.norm_weight_decay` applies weight decay to norms and biases."""
    parameters = list(model.parameters())
    groups: list[dict] = [{"params": parameters}]
    if not recipe.norm_weight_decay:
        groups = [{"params": [value for value in parameters if value.ndim > 1]},
                  {"params": [value for value in parameters if value.ndim <= 1],
                   "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum,
                           weight_decay=recipe.weight_decay, nesterov=recipe.nesterov,
                           fused=parameters[0].device.type in ("cpu", "cuda"))


def cross_entropy(output: Tensor | tuple[Tensor, Tensor], labels: Tensor, recipe: Recipe
                  ) -> tuple[Tensor, Tensor]:
    """The loss including the auxiliary head, and the logits of the main head."""
    logits, auxiliary = output if isinstance(output, tuple) else (output, None)
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    if auxiliary is not None:
        loss = loss + recipe.auxiliary_weight * F.cross_entropy(
            auxiliary, labels, label_smoothing=recipe.label_smoothing)
    return loss, logits
