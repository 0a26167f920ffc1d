"""`create_model`: the network of a named cell or of a genotype, by the kind of network."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from zoo import hierarchical
from zoo.genotype import Genotype, HierarchicalGenotype
from zoo.networks import CifarNetwork, ImageNetNetwork
from zoo.recurrent import LanguageModel
from zoo.registry import genotype as named
from zoo.spelling import choices

NETWORKS = {"cifar": CifarNetwork, "imagenet": ImageNetNetwork, "language": LanguageModel}

#: Published sizes: what `create_model` takes where nothing is said.
DEFAULTS = {
    "cifar": {"channels": 36, "layers": 20, "num_classes": 10},
    "imagenet": {"channels": 48, "layers": 14, "num_classes": 1000},
    "language": {"vocabulary": 10000},
}


def create_model(cell: str | Genotype, network: str = "cifar",
                 weights: str | Path | None = None, **settings) -> nn.Module:
    """Build the `network` ('cifar', 'imagenet' or 'language') of a cell.

    `cell` is a registered name or a genotype; a hierarchical one has a 'cifar' network only.
    Image networks take channels, layers, num_classes, in_channels, auxiliary and drop_path (a
    probability); the language model vocabulary, embedding, hidden and its dropouts (see
    `zoo.recurrent.LanguageModel`).

    `weights` names a data set whose trained weights are shipped ("digits"), a safetensors file,
    or the folder of an artifact; shipped weights and artifacts bring their settings, and the
    network comes in eval mode.

    Raises UnknownCellError for a name that is not registered, ValueError for a genotype of the
    wrong kind and for a network or a setting that does not exist, is out of range or is not that
    of the weights.
    """
    if weights is not None:
        return _trained(cell, network, weights, settings)
    if network not in NETWORKS:
        raise ValueError(f"unknown network {choices(network, NETWORKS)}")
    genotype = named(cell) if isinstance(cell, str) else cell
    build, default = NETWORKS[network], DEFAULTS[network]
    if isinstance(genotype, HierarchicalGenotype):
        if network != "cifar":
            raise ValueError(f"a hierarchical genotype has no {network} network; "
                             "use network='cifar'")
        build, default = hierarchical.HierarchicalNetwork, hierarchical.DEFAULTS
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


def _trained(cell: str | Genotype, network: str, weights: str | Path, settings: dict) -> nn.Module:
    """The network that `weights` fit, filled with them, in eval mode."""
    from zoo.weights import find, load_weights, state_sha256

    found = find(weights, cell)
    for name, value in found.settings.items():
        given = network if name == "kind" else settings.get(name, value)
        if given != value:
            label = "network" if name == "kind" else name
            raise ValueError(f"{found.where} is for {label}={value!r}, not {given!r}; leave it "
                             "out, or train that network with `zoo train`")
    fixed = {name: value for name, value in found.settings.items() if name != "kind"}
    model = create_model(cell, network, **(fixed | settings))
    load_weights(model, found.content, found.where)
    model.facts = found.facts | {"sha256": state_sha256(model)}
    return model.eval()
