"""`create_model`: the network of a named cell or of a genotype, by the kind of network."""

from __future__ import annotations

from torch import nn

from zoo.genotype import Genotype
from zoo.networks import CifarNetwork, ImageNetNetwork
from zoo.recurrent import LanguageModel
from zoo.registry import genotype as named

NETWORKS = {"cifar": CifarNetwork, "imagenet": ImageNetNetwork, "language": LanguageModel}

#: Published sizes: what `create_model` takes where nothing is said.
DEFAULTS = {
    "cifar": {"channels": 36, "layers": 20, "num_classes": 10},
    "imagenet": {"channels": 48, "layers": 14, "num_classes": 1000},
    "language": {"vocabulary": 10000},
}


def create_model(cell: str | Genotype, network: str = "cifar", **settings) -> nn.Module:
    """Build the `network` ('cifar', 'imagenet' or 'language') of a cell.

    `cell` is a registered name or a genotype.  Image networks take channels, layers,
    num_classes, in_channels, auxiliary and drop_path (a probability); the language model
    vocabulary, embedding, hidden and its dropouts (see `zoo.recurrent.LanguageModel`).

    Raises UnknownCellError for a name that is not registered, ValueError for a network or a
    setting that does not exist or is out of range, TypeError for a genotype of the wrong kind.
    """
    if network not in NETWORKS:
        raise ValueError(f"unknown network {network!r}; allowed are {', '.join(NETWORKS)}")
    genotype = named(cell) if isinstance(cell, str) else cell
    settings = DEFAULTS[network] | settings
    for name, value in settings.items():
        if name in ("channels", "layers", "num_classes", "in_channels", "vocabulary", "hidden",
                    "embedding") and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
        if name.startswith("drop") and not 0 <= value < 1:
            raise ValueError(f"{name} must be a probability in [0, 1), not {value!r}")
    try:
        return NETWORKS[network](genotype, **settings)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        unknown = str(error).rsplit(" ", 1)[-1]
        raise ValueError(f"the {network} network has no setting {unknown}") from None
