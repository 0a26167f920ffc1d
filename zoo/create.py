"""`create_model`: the network of a named cell, of a genotype, or on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from zoo.genotypes.serialization import Genotype
from zoo.hub import artifact
from zoo.hub.address import is_address
from zoo.models.factory import ZooNetwork, build_network, check_network, network_kind
from zoo.registry import genotype as named
from zoo.weights import PretrainedWeights, find, load_weights, of_artifact, state_sha256


def create_model(cell: str | Genotype, network: str | None = None,
                 weights: str | Path | None = None, **settings: float) -> ZooNetwork:
    """Build the `network` of a cell: 'cifar' (the default), 'imagenet', 'nasbench201', 'language'.

    `cell` is a registered name or a genotype; a hierarchical cell has only a 'cifar' network, a
    NAS-Bench-201 cell only its own, which 'cifar' also selects.  Or it is an address on the Hugging
    Face Hub, hf://USER/NAME or hf://USER/NAME@REVISION, of what `zoo push` uploaded: cell, network,
    settings and weights, verified by sha256.
    Image networks take channels, layers, num_classes, in_channels, auxiliary and drop_path (a
    probability); the language model takes vocabulary, embedding, hidden and its dropouts (see
    `zoo.models.recurrent.LanguageModel`).

    `weights` is the name of a data set with shipped weights ("digits"), a weights file (of
    torch.save or safetensors, see `zoo.checkpoints`), or an artifact's folder or address.  Shipped
    weights and artifacts define the settings; with `weights` the network is in eval mode.

    Raises UnknownCellError for an unknown name, ValueError for a genotype of the wrong kind and for
    an unknown network or a setting that is unknown, out of range or does not fit the weights;
    HubError if the hub cannot be reached or has no such artifact.

    Examples:
        >>> import torch, zoo
        >>> model = zoo.create_model("DARTS", channels=16, layers=8, num_classes=10)
        >>> model(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
        >>> trained = zoo.create_model("DARTS", weights="digits")
        >>> trained.training, trained.settings["in_channels"]
        (False, 1)
    """
    if isinstance(cell, str) and is_address(cell):
        return _from_hub(cell, network, weights, settings)
    network = network or "cifar"
    if weights is not None:
        return _trained(cell, network, find(weights, cell), settings)
    check_network(network)
    genotype = named(cell) if isinstance(cell, str) else cell
    return build_network(genotype, network, **settings)


def _from_hub(address: str, network: str | None, weights: object, settings: dict[str, float]
              ) -> ZooNetwork:
    """The network of an artifact on the hub."""
    if weights is not None:
        raise ValueError(f"{address} has weights of its own; leave weights={weights!r} out")
    found = of_artifact(artifact.find(address))
    assert found.genotype is not None
    return _trained(found.genotype, network or found.settings["kind"], found, settings)


def _trained(cell: str | Genotype, network: str, found: PretrainedWeights,
             settings: dict[str, float]) -> ZooNetwork:
    """The network with the weights `found`, in eval mode."""
    genotype = named(cell) if isinstance(cell, str) else cell
    for name, value in found.settings.items():
        given = network_kind(genotype, network) if name == "kind" else settings.get(name, value)
        if given != value:
            label = "network" if name == "kind" else name
            raise ValueError(f"{found.where} is for {label}={value!r}, not {given!r}; omit it, "
                             "or train that network with `zoo train`")
    fixed = {name: value for name, value in found.settings.items() if name != "kind"}
    model = create_model(cell, network, None, **(fixed | settings))
    load_weights(model, found.content, found.where)
    model.facts = found.facts | {"sha256": state_sha256(model)}
    return model.eval()
