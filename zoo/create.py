"""`create_model`: the network of a named cell or of a genotype, by the kind of network."""

from __future__ import annotations

from pathlib import Path

from zoo.genotypes.serialization import Genotype
from zoo.models.factory import ZooNetwork, build_network, check_network, network_kind
from zoo.registry import genotype as named
from zoo.weights import find, load_weights, state_sha256


def create_model(cell: str | Genotype, network: str = "cifar",
                 weights: str | Path | None = None, **settings: float) -> ZooNetwork:
    """Build the `network` ('cifar', 'imagenet', 'nasbench201' or 'language') of a cell.

    `cell` is a registered name or a genotype; a hierarchical one has a 'cifar' network only, one
    of NAS-Bench-201 its own, which 'cifar' means too.
    Image networks take channels, layers, num_classes, in_channels, auxiliary and drop_path (a
    probability); the language model vocabulary, embedding, hidden and its dropouts (see
    `zoo.models.recurrent.LanguageModel`).

    `weights` names a data set whose trained weights are shipped ("digits"), a file of weights (of
    torch.save or safetensors, see `zoo.checkpoints`), or the folder of an artifact; shipped
    weights and artifacts bring their settings, and the network comes in eval mode.

    Raises UnknownCellError for a name that is not registered, ValueError for a genotype of the
    wrong kind and for a network or a setting that does not exist, is out of range or is not that
    of the weights.

    Examples:
        >>> import torch, zoo
        >>> model = zoo.create_model("DARTS", channels=16, layers=8, num_classes=10)
        >>> model(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
        >>> trained = zoo.create_model("DARTS", weights="digits")
        >>> trained.training, trained.settings["in_channels"]
        (False, 1)
    """
    if weights is not None:
        return _trained(cell, network, weights, settings)
    check_network(network)
    genotype = named(cell) if isinstance(cell, str) else cell
    return build_network(genotype, network, **settings)


def _trained(cell: str | Genotype, network: str, weights: str | Path,
             settings: dict[str, float]) -> ZooNetwork:
    """The network that `weights` fit, filled with them, in eval mode."""
    found = find(weights, cell)
    genotype = named(cell) if isinstance(cell, str) else cell
    for name, value in found.settings.items():
        given = network_kind(genotype, network) if name == "kind" else settings.get(name, value)
        if given != value:
            label = "network" if name == "kind" else name
            raise ValueError(f"{found.where} is for {label}={value!r}, not {given!r}; leave it "
                             "out, or train that network with `zoo train`")
    fixed = {name: value for name, value in found.settings.items() if name != "kind"}
    model = create_model(cell, network, None, **(fixed | settings))
    load_weights(model, found.content, found.where)
    model.facts = found.facts | {"sha256": state_sha256(model)}
    return model.eval()
