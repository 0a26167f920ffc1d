"""Builds the network of a genotype, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.serialization import Genotype
from zoo.messages.spelling import choices
from zoo.models import hierarchical
from zoo.models.conv import CifarNetwork, ImageNetNetwork
from zoo.models.hierarchical import HierarchicalNetwork
from zoo.models.recurrent import LanguageModel

ImageNetwork: TypeAlias = CifarNetwork | ImageNetNetwork | HierarchicalNetwork
ZooNetwork: TypeAlias = ImageNetwork | LanguageModel

NETWORKS: dict[str, Callable[..., ZooNetwork]] = {
    "cifar": CifarNetwork, "imagenet": ImageNetNetwork, "language": LanguageModel}

#: Published sizes, the defaults of `create_model`.
DEFAULTS = {
    "cifar": {"channels": 36, "layers": 20, "num_classes": 10},
    "imagenet": {"channels": 48, "layers": 14, "num_classes": 1000},
    "language": {"vocabulary": 10000},
}


def check_network(network: str) -> None:
    """Raise ValueError for an unknown kind of network."""
    if network not in NETWORKS:
        raise ValueError(f"unknown network {choices(network, NETWORKS)}")


def _definition(genotype: Genotype, network: str
                ) -> tuple[Callable[..., ZooNetwork], dict[str, int]]:
    """The class of a network and its published size."""
    if not isinstance(genotype, HierarchicalGenotype):
        return NETWORKS[network], DEFAULTS[network]
    if network != "cifar":
        raise ValueError(f"a hierarchical genotype has no {network} network; "
                         "use network='cifar'")
    return HierarchicalNetwork, hierarchical.DEFAULTS


def build_network(genotype: Genotype, network: str = "cifar",
                  **settings: float) -> ZooNetwork:
    """Build the `network` ('cifar', 'imagenet' or 'language') of a genotype.

    See `zoo.create_model` for the `settings` and errors.
    """
    check_network(network)
    build, default = _definition(genotype, network)
    settings = default | settings
    for name, value in settings.items():
        if name in ("channels", "layers", "num_classes", "in_channels", "vocabulary", "hidden",
                    "embedding") and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
        if name.startswith("drop") and not 0 <= value < 1:
            raise ValueError(f"{name} must be a probability in [0, 1), not {value!r}")
    try:
        return build(genotype, **settings)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        unknown = str(error).rsplit(" ", 1)[-1]
        raise ValueError(f"the {network} network has no setting {unknown}") from None
