"""Scores of a network, and of a cell as the mean over networks of several seeds."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import nn

from zoo.genotypes.serialization import Genotype
from zoo.models.conv import DropPath
from zoo.models.factory import NETWORKS, build_network
from zoo.scores import SCORES, chosen
from zoo.scores.batch import Batch, random_batch
from zoo.scores.layers import weighted


def score(network: nn.Module, batch: Batch, names: Iterable[str] | None = None, seed: int = 0
          ) -> dict[str, float]:
    """The scores `names` of an image classifier on a batch; higher is meant to be better.

    The network, which returns logits (N, classes), and torch's generators stay unchanged.  Scoring
    runs in training mode, with the batch statistics in batch-norm, and without drop-path and the
    auxiliary head.  `seed` seeds scores that draw random numbers.

    Raises ValueError for an unknown score.

    Examples:
        >>> import zoo
        >>> from zoo.scores.batch import random_batch
        >>> from zoo.scores.scoring import score
        >>> network = zoo.create_model("DARTS", channels=4, layers=3)
        >>> sorted(score(network, random_batch(4), ["params", "nwot"]))
        ['nwot', 'params']
    """
    return {name: _measured(network, batch, name, seed) for name in chosen(names)}


def _measured(network: nn.Module, batch: Batch, name: str, seed: int) -> float:
    found = SCORES[name]
    own = network if found.reads == "shapes" else _prepared(network)
    with _seeded(seed):
        return found.load()(own, batch, torch.Generator().manual_seed(seed))


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator, and restore it afterwards."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        yield


def _prepared(network: nn.Module) -> nn.Module:
    """A copy of the network that a score may modify."""
    own = copy.deepcopy(network).train()
    for value in own.parameters():
        value.requires_grad_()
    for module in own.modules():
        if isinstance(module, DropPath):
            module.probability = 0.0
        elif isinstance(module, nn.Dropout):
            module.p = 0.0
    if getattr(own, "auxiliary_head", None) is not None:
        setattr(own, "auxiliary_head", None)  # noqa: B010 - nn.Module does not declare it
    own.cpu()
    for module in weighted(own):
        if module.weight.dim() == 4:
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return own


#: Default sizes of "cifar" networks by kind of cell: NAS-Bench-301's network (Zela et al. 2022,
#: arXiv 2008.09777), and the small model of hierarchical cells (Liu et al. 2018, arXiv 1711.00436).
SIZES = {"conv": {"channels": 32, "layers": 8}, "hierarchical": {"channels": 16, "layers": 3}}


@dataclass(frozen=True)
class Setting:
    """The networks and batches that score a cell.

    `network` defaults to that of the kind of cell, or "cifar"; sizes default to `SIZES` for a
    "cifar" network, else to the published ones.  `batch` returns the batch of a seed.  Each of the
    seeds `seed` to `seed + seeds - 1` initializes a network and draws a batch; scores are their
    means.
    """

    network: str | None = None
    channels: int | None = None
    layers: int | None = None
    seeds: int = 1
    seed: int = 0
    batch: Callable[[int], Batch] = field(default=lambda seed: random_batch(seed=seed))

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, not {self.seeds}")

    def build(self, genotype: Genotype, batch: Batch) -> nn.Module:
        """The network of a cell, initialized from torch's generator."""
        network = self.network or (genotype.kind if genotype.kind in NETWORKS else "cifar")
        sizes = SIZES.get(genotype.kind, {}) if network == "cifar" else {}
        given = {"channels": self.channels, "layers": self.layers}
        sizes = sizes | {name: value for name, value in given.items() if value is not None}
        channels, _, _ = batch.image_shape
        return build_network(genotype, network, num_classes=batch.classes, in_channels=channels,
                             **sizes)


@dataclass(frozen=True)
class CellScores:
    """Mean scores of a cell, and the seconds of each."""

    values: dict[str, float]
    seconds: dict[str, float]


def score_cell(genotype: Genotype, setting: Setting, names: Iterable[str] | None = None
               ) -> CellScores:
    """The scores of a cell's network.  Raises ValueError for a recurrent cell.

    Examples:
        >>> import zoo
        >>> from zoo.scores.scoring import Setting, score_cell
        >>> small = Setting(channels=4, layers=3)
        >>> score_cell(zoo.genotype("DARTS"), small, ["params"]).values
        {'params': 0.002798}
    """
    if genotype.kind == "recurrent":
        raise ValueError("a recurrent cell has no image network to score")
    names = chosen(names)
    sums, seconds = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for seed in range(setting.seed, setting.seed + setting.seeds):
        batch = setting.batch(seed)
        with _seeded(seed):
            network = setting.build(genotype, batch)
        for name in names:
            began = time.perf_counter()
            sums[name] += _measured(network, batch, name, seed)
            seconds[name] += time.perf_counter() - began
    return CellScores({name: total / setting.seeds for name, total in sums.items()}, seconds)


def finite(value: float) -> float | None:
    """A score for JSON, None if it is undefined (-inf or NaN)."""
    return value if math.isfinite(value) else None
