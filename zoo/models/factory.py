"""The network of a genotype, by the kind of network, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.genotypes.serialization import Genotype, kind_name
from zoo.messages.spelling import choices
from zoo.models import hierarchical, nasbench201
from zoo.models.conv import CifarNetwork, ImageNetNetwork
from zoo.models.hierarchical import HierarchicalNetwork
from zoo.models.nasbench201 import NasBench201Network
from zoo.models.recurrent import LanguageModel

#: What is built here.
ImageNetwork: TypeAlias = (
    CifarNetwork | ImageNetNetwork | HierarchicalNetwork | NasBench201Network)
ZooNetwork: TypeAlias = ImageNetwork | LanguageModel

NETWORKS: dict[str, Callable[..., ZooNetwork]] = {
    "cifar": CifarNetwork, "imagenet": ImageNetNetwork, "nasbench201": NasBench201Network,
    "language": LanguageModel}

#: Published sizes: the defaults of `create_model`.
DEFAULTS = {
    "cifar": {"channels": 36, "layers": 20, "num_classes": 10},
    "imagenet": {"channels": 48, "layers": 14, "num_classes": 1000},
    "nasbench201": nasbench201.DEFAULTS,
    "language": {"vocabulary": 10000},
}


def check_network(network: str) -> None:
    """Raise ValueError for an unknown kind of network."""
    if network not in NETWORKS:
        raise ValueError(f"unknown network {choices(network, NETWORKS)}")


def network_kind(genotype: Genotype, network: str) -> str:
    """The kind that `network` means for a genotype.

    'cifar', the default for small images, means its own network for a NAS-Bench-201 cell.
    Raises ValueError for a network that the genotype does not have.
    """
    check_network(network)
    if isinstance(genotype, NasBench201Genotype):
        if network not in ("cifar", "nasbench201"):
            raise ValueError(f"a NAS-Bench-201 genotype has no {network} network; "
                             "use network='nasbench201'")
        return "nasbench201"
    if network == "nasbench201" or (isinstance(genotype, HierarchicalGenotype)
                                    and network != "cifar"):
        fitting = "language" if genotype.kind == "recurrent" else "cifar"
        raise ValueError(f"a {kind_name(genotype)} genotype has no {network} network; "
                         f"use network={fitting!r}")
    return network


def _definition(genotype: Genotype, network: str
                ) -> tuple[Callable[..., ZooNetwork], dict[str, int]]:
    """The class of a network, and its published size."""
    if isinstance(genotype, HierarchicalGenotype):
        return HierarchicalNetwork, hierarchical.DEFAULTS
    return NETWORKS[network], DEFAULTS[network]


def build_network(genotype: Genotype, network: str = "cifar",
                  **settings: float) -> ZooNetwork:
    """The `network` ('cifar', 'imagenet', 'nasbench201' or 'language') of a genotype.

    `settings` (whole numbers, probabilities and `auxiliary`, a bool) and errors are those of
    `zoo.create_model`.
    """
    build, default = _definition(genotype, network_kind(genotype, network))
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
