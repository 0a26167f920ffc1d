"""What `zoo build` exports: a cell by name, a genotype in a file, or an artifact folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from export.build import Source
from zoo import datasets, registry, weights
from zoo.create import DEFAULTS, NETWORKS, create_model
from zoo.genotype import Genotype, GenotypeError, RecurrentGenotype, parse
from zoo.manifest import Input, Manifest, Network, plain_name
from zoo.recipe import RECIPES

_CLASSES = {"cifar100": 100, "imagenet": 1000}

# Sizes and statistics of data that need not be at hand to export for it.
_IMAGES = {
    "cifar10": Input(height=32, width=32, channels=3, data="cifar10"),
    "cifar100": Input(height=32, width=32, channels=3, data="cifar100"),
    "imagenet": Input(height=224, width=224, channels=3, mean=[0.485, 0.456, 0.406],
                      std=[0.229, 0.224, 0.225], data="imagenet"),
}


@dataclasses.dataclass
class Wanted:
    """What a user asked for; None where nothing was said."""

    network: str | None = None
    data: str | None = None
    path: Path | None = None  # where the data set lies, for real inputs
    weights: Path | None = None
    channels: int | None = None
    layers: int | None = None
    num_classes: int | None = None
    in_channels: int | None = None
    size: int | None = None
    vocabulary: int | None = None
    hidden: int | None = None
    seed: int = 0


def find(target: str, wanted: Wanted) -> Source:
    """The source that `target` names: an artifact folder, a genotype file, or a cell.

    Raises UnknownCellError, GenotypeError, ArtifactError, WeightsError or ValueError.
    """
    for name in ("channels", "layers", "num_classes", "in_channels", "size", "vocabulary",
                 "hidden"):
        value = getattr(wanted, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
    path = Path(target)
    if path.is_dir():
        return _from_artifact(path, wanted)
    if path.suffix == ".json" or path.is_file():
        try:
            return _from_cell(path.stem, parse(path.read_text(encoding="utf-8")), None, wanted)
        except (GenotypeError, UnicodeDecodeError) as error:
            raise GenotypeError(f"{path}: {error}") from None
    record = registry.record(target)
    shown = next((name for name in (record.name, *record.aliases)
                  if name.lower() == target.lower()), record.name)
    return _from_cell(shown, record.genotype, record.name, wanted)


def from_model(model: nn.Module, name: str, spec: Input | None = None,
               labels: Sequence[str] = ()) -> Source:
    """The source of a network made by `zoo.create_model`; `spec` says what images it takes.

    By default those are raw 0..255, 32x32 for a CIFAR network and 224x224 for an ImageNet one,
    scaled to -1..1.
    """
    network = Network(kind=model.kind, **model.settings)
    if model.kind == "language":
        return Source(model.eval(), model.genotype, Manifest(
            name=name, genotype=name, task="language-model-step", network=network, trained=True,
            input=Input(name="tokens", range=None), labels=list(labels), parameters=1))
    size, channels = 224 if model.kind == "imagenet" else 32, network.in_channels
    spec = spec or Input(height=size, width=size, channels=channels, mean=[0.5] * channels,
                         std=[0.5] * channels)
    labels = labels or [f"class {index}" for index in range(network.num_classes)]
    if len(labels) != network.num_classes:
        raise ValueError(f"{len(labels)} labels for {network.num_classes} classes")
    return Source(model.eval(), model.genotype, Manifest(
        name=name, genotype=name, network=network, input=spec, labels=list(labels), trained=True,
        parameters=1))


def _from_artifact(directory: Path, wanted: Wanted) -> Source:
    fixed = [name for name, value in dataclasses.asdict(wanted).items()
             if value is not None and name not in ("path", "seed")]
    if fixed:
        raise ValueError(f"{directory} is an artifact, which brings its own {fixed[0]}; leave "
                         f"--{fixed[0].replace('_', '-')} out")
    model, manifest = weights.load_artifact(directory)
    images, labels = _real_images(manifest.input, len(manifest.labels), wanted.path)
    return Source(model, model.genotype, manifest, images, labels)


def _from_cell(name: str, genotype: Genotype, record: str | None, wanted: Wanted) -> Source:
    if isinstance(genotype, RecurrentGenotype):
        return _language(name, genotype, record, wanted)
    if wanted.network not in (None, "cifar", "imagenet"):
        if wanted.network in NETWORKS:
            raise ValueError(f"{name} is a convolutional cell; it has no {wanted.network} network")
        raise ValueError(f"unknown network {wanted.network!r}; allowed are {', '.join(NETWORKS)}")
    data = wanted.data or ("imagenet" if wanted.network == "imagenet" else "digits")
    spec, labels = _input(data, wanted)
    found = weights.packaged(record, data) if record and not wanted.weights else None
    card = found[1] if found else {}
    recipe = RECIPES.get(data)
    kind = wanted.network or ("imagenet" if data == "imagenet" else "cifar")
    default = DEFAULTS[kind]
    settings = {
        "channels": wanted.channels or (recipe.channels if recipe else default["channels"]),
        "layers": wanted.layers or (recipe.layers if recipe else default["layers"]),
        "num_classes": wanted.num_classes or len(labels) or _CLASSES.get(data, 10),
        "in_channels": spec.channels,
    }
    fits = bool(card) and card["network"] == {"kind": kind, **settings} \
        and card["input"]["height"] == spec.height
    torch.manual_seed(wanted.seed)
    if wanted.weights:
        model = create_model(genotype, kind, weights=wanted.weights, **settings)
    elif fits:
        model = create_model(record, kind, weights=data)
    else:
        model = create_model(genotype, kind, **settings).eval()
    metrics = {key: card[key] for key in ("test_accuracy", "data", "images")} if fits else {}
    manifest = Manifest(
        name=plain_name(f"{name}-{data}"), genotype=name, paper=_paper(record),
        network=Network(kind=kind, **settings), input=spec,
        labels=(labels if len(labels) == settings["num_classes"]
                else [f"class {index}" for index in range(settings["num_classes"])]),
        trained=fits or bool(wanted.weights), metrics=metrics,
        licence=card.get("licence", "") if fits else "", parameters=1)
    images, classes = _real_images(spec, len(manifest.labels), wanted.path)
    return Source(model, genotype, manifest, images, classes)


def _paper(record: str | None) -> str:
    """Where a cell of the registry was published, in one line."""
    paper = registry.record(record).paper if record else None
    if paper is None:
        return ""
    link = f", {paper.url}" if paper.url else ""
    return f"{paper.authors}: {paper.title}, {paper.year}{link}"


def _language(name: str, genotype: RecurrentGenotype, record: str | None,
              wanted: Wanted) -> Source:
    if wanted.network not in (None, "language"):
        raise ValueError(f"{name} is a recurrent cell; it has no {wanted.network} network")
    hidden = wanted.hidden or 200
    vocabulary = wanted.vocabulary or DEFAULTS["language"]["vocabulary"]
    torch.manual_seed(wanted.seed)
    model = create_model(genotype, "language", weights=wanted.weights, vocabulary=vocabulary,
                         embedding=hidden, hidden=hidden)
    source = from_model(model, plain_name(f"{name}-language"))
    source.manifest = source.manifest.model_copy(
        update={"genotype": name, "paper": _paper(record), "trained": bool(wanted.weights)})
    return source


def _input(data: str, wanted: Wanted) -> tuple[Input, list[str]]:
    """Size, statistics and class names of a data set, changed where the user said so."""
    if data == "digits":
        digits = datasets.load("digits")
        spec = Input(height=8, width=8, channels=1, mean=digits.mean, std=digits.std, data=data)
        labels = digits.labels
    elif data in _IMAGES:
        spec, labels = _IMAGES[data], []
        if not spec.mean:
            from zoo import cifar

            mean, std = cifar.STATISTICS[data]
            spec = spec.model_copy(update={"mean": mean, "std": std})
            labels = list(cifar.CIFAR10_LABELS) if data == "cifar10" else []
    else:
        raise ValueError(f"unknown data {data!r}; allowed are digits, {', '.join(_IMAGES)}")
    changes = {"height": wanted.size, "width": wanted.size, "channels": wanted.in_channels}
    changes = {key: value for key, value in changes.items()
               if value and value != getattr(spec, key)}
    if "channels" in changes:  # other channels, other statistics
        changes |= {"mean": [0.5] * wanted.in_channels, "std": [0.5] * wanted.in_channels}
    if changes:
        changes["data"] = None  # not that data set's images any more
    return spec.model_copy(update=changes), labels


def _real_images(spec: Input, classes: int,
                 path: Path | None) -> tuple[np.ndarray | None, list[int] | None]:
    """One test image of each class, where the data set is at hand; raw, (N, H, W, C)."""
    if spec.data != "digits" and path is None:
        return None, None
    if spec.data is None:
        raise ValueError(f"the images at {path} are not of this size or number of channels; leave "
                         "--path out")
    data = datasets.load(spec.data, path)
    if len(data.labels) != classes:
        return None, None
    test = data.test
    chosen = [int(np.flatnonzero(test.labels == label)[0]) for label in range(classes)]
    return np.asarray(test.images[chosen], np.float32), list(range(classes))
