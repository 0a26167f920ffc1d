"""What `zoo build` exports: a cell by name, a genotype in a file, or an artifact folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import nn

from export import fits
from export.pipeline import Source
from zoo import weights
from zoo.artifact import folder as artifact
from zoo.artifact.manifest import Input, Manifest, Network, plain_name
from zoo.cell_file import read_cell, shown_name
from zoo.create import create_model
from zoo.data import images
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.genotypes.serialization import Genotype, kind_name
from zoo.messages.spelling import choices
from zoo.models.factory import DEFAULTS, ZooNetwork, network_kind
from zoo.recipes.image import RECIPES, recipe
from zoo.registry import origin_lines, registered
from zoo.training.evaluation import check_match

_CLASSES = {"cifar100": 100, "imagenet": 1000}
_MOST_IMAGES = 20  # real ones, which every hop and the page compute, in float64 too

# Sizes and statistics of data that need not be at hand to export for it.
_IMAGES = {
    "cifar10": Input(height=32, width=32, channels=3, data="cifar10"),
    "cifar100": Input(height=32, width=32, channels=3, data="cifar100"),
    "imagenet": Input(height=224, width=224, channels=3, data="imagenet",
                      mean=images.IMAGENET_STATISTICS[0], std=images.IMAGENET_STATISTICS[1]),
}


@dataclasses.dataclass
class BuildOptions:
    """What a user asked for; None where nothing was said."""

    network: str | None = None
    data: str | None = None
    path: Path | None = None  # where the data set lies, for real inputs
    weights: Path | str | None = None  # a file, an artifact, or the data set of shipped ones
    channels: int | None = None
    layers: int | None = None
    num_classes: int | None = None
    in_channels: int | None = None
    size: int | None = None
    vocabulary: int | None = None
    hidden: int | None = None
    seed: int = 0
    select: str | None = None  # of several genotypes in a file
    input_shape: tuple[str, ...] | None = None  # NAME=1,3,224,224, of an ONNX file


class _RealImages(TypedDict, total=False):
    """Fields of a `Source`, see `_real_images`."""

    images: np.ndarray
    labels: list[int]
    test: np.ndarray


def find(target: str, wanted: BuildOptions) -> Source:
    """The source that `target` names: an artifact folder, a genotype file, or a cell.

    Raises UnknownCellError, GenotypeError, ArtifactError, WeightsError or ValueError.
    """
    for name in ("channels", "layers", "num_classes", "in_channels", "size", "vocabulary",
                 "hidden"):
        value = getattr(wanted, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
    path = Path(target)
    if path.suffix.lower() == ".onnx" and not path.is_dir():
        from export.foreign import from_file

        if not path.is_file():
            raise ValueError(f"there is no file {target}")
        _refuse(wanted, f"{target} is an ONNX file, which brings its own settings",
                [option.name for option in dataclasses.fields(wanted)
                 if option.name not in ("input_shape", "size", "seed")])
        return from_file(path, wanted.input_shape or (), wanted.size)
    _refuse(wanted, f"{target} is no ONNX file", ("input_shape",))
    # A folder that is no artifact may have the name of a cell by chance.
    if path.is_dir() and ((path / artifact.MANIFEST).exists() or not registered(target)):
        return _from_artifact(path, wanted)
    record = read_cell(target, wanted.select)
    known_as = record.name if record.origin != "file" else None
    return _from_cell(shown_name(target, record), record.genotype, known_as, wanted)


def from_model(model: ZooNetwork, name: str, spec: Input | None = None,
               labels: Sequence[str] = (), vocabulary: Sequence[str] = ()) -> Source:
    """The source of a network made by `zoo.create_model`; `spec` says what images it takes.

    Of a language model `vocabulary` lists the tokens, and `spec` has their unit.  Weights that
    `create_model` loaded bring their own; otherwise the default is raw 0..255, 32x32 for a CIFAR
    network and 224x224 for an ImageNet one, scaled to -1..1.  What was measured of loaded weights
    is told while they are as they were.  A network with batch-norms that have seen no batch is
    said to be untrained.
    """
    facts = model.facts
    same = facts and facts["sha256"] == weights.state_sha256(model)
    if same and spec and "input" in facts:  # of images of this size, scaled like this
        same = spec == Input.model_validate(facts["input"])
    measured = facts if same else {}
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    trained = facts.get("trained", True) if facts else (
        not norms or any(m.num_batches_tracked for m in norms))
    network = Network.model_validate({"kind": model.kind, **model.settings})
    known: dict[str, Any] = {
        "name": plain_name(name), "genotype": name, "trained": trained, "parameters": 1,
        "network": network, "metrics": measured.get("metrics", {}),
        "licence": facts.get("licence", ""), "agreement": measured.get("agreement", [])}
    if model.kind == "language":
        spec = spec or Input.model_validate(facts.get("input", {"name": "tokens", "range": None}))
        tokens = list(vocabulary) or facts.get("vocabulary")
        if tokens and len(tokens) != model.settings["vocabulary"]:
            raise ValueError(f"{len(tokens)} tokens in the vocabulary, and the network has "
                             f"{model.settings['vocabulary']}")
        if tokens and spec.unit is None:
            raise ValueError("the input of a language model with a vocabulary needs its unit, "
                             "word or char")
        return Source(model.eval(), model.genotype, Manifest(
            task="language-model-step", input=spec, labels=list(labels), **known),
            vocabulary=tokens)
    size, channels = 224 if model.kind == "imagenet" else 32, model.settings["in_channels"]
    classes = model.settings["num_classes"]
    spec = spec or (Input.model_validate(facts["input"]) if "input" in facts else Input(
        height=size, width=size, channels=channels, mean=[0.5] * channels, std=[0.5] * channels))
    names: list[str] = list(labels) or facts.get("labels") or _numbered(classes)
    if len(names) != classes:
        raise ValueError(f"{len(names)} labels for {classes} classes")
    return Source(model.eval(), model.genotype, Manifest(input=spec, labels=names, **known),
                  **_real_images(spec, classes, None))


def _numbered(classes: int) -> list[str]:
    return [f"class {index}" for index in range(classes)]


def _from_artifact(directory: Path, wanted: BuildOptions) -> Source:
    brought = [option.name for option in dataclasses.fields(wanted)
               if option.name not in ("path", "seed")]
    _refuse(wanted, f"{directory} is an artifact, which brings its own settings", brought)
    model, manifest = weights.load_artifact(directory)
    if model.kind == "language":
        _refuse(wanted, f"{directory} is a language model, which reads no images", ("path",))
        return Source(model, model.genotype, manifest,
                      vocabulary=artifact.read_vocabulary(directory, manifest))
    return Source(model, model.genotype, manifest,
                  **_real_images(manifest.input, manifest.network.num_classes, wanted.path,
                                 manifest))


def _from_cell(name: str, genotype: Genotype, record: str | None, wanted: BuildOptions) -> Source:
    if isinstance(genotype, RecurrentGenotype):
        return _language(name, genotype, record, wanted)
    what = kind_name(genotype)
    if wanted.network == "language":
        raise ValueError(f"{name} is a {what} cell; it has no {wanted.network} network")
    if wanted.network is not None:
        network_kind(genotype, wanted.network)
    _refuse(wanted, f"{name} is a {what} cell", ("vocabulary", "hidden"))
    if wanted.weights and not _shipped(wanted) and Path(wanted.weights).is_dir():
        return _with_weights_of(Path(wanted.weights), name, genotype, wanted)
    if (named := _shipped(wanted)) and wanted.data in (None, named):
        wanted = dataclasses.replace(wanted, data=named, weights=None)
        if not record or not weights.packaged(record, named):
            weights.find(named, record or genotype)  # says which there are
    data = wanted.data or ("imagenet" if wanted.network == "imagenet" else "digits")
    spec, labels = _input(data, wanted)
    card = (weights.packaged(record, data) if record and not wanted.weights else None) or {}
    kind = network_kind(
        genotype, wanted.network or ("imagenet" if data == "imagenet" else "cifar"))
    default = _sizes(data, kind, card)
    settings: dict[str, Any] = {
        "channels": wanted.channels or default["channels"],
        "layers": wanted.layers or default["layers"],
        "num_classes": wanted.num_classes or len(labels) or _CLASSES.get(data, 10),
        "in_channels": spec.channels,
    }
    as_shipped = bool(card) and card["network"] == {"kind": kind, **settings} \
        and card["input"]["height"] == spec.height
    fits.check_images(genotype, kind, settings, spec)
    torch.manual_seed(wanted.seed)
    if wanted.weights:
        model = create_model(genotype, kind, weights=wanted.weights, **settings)
    elif as_shipped:
        model = create_model(record or genotype, kind, weights=data)
    else:
        model = create_model(genotype, kind, **settings).eval()
    fitting = labels if len(labels) == settings["num_classes"] else ()
    source = from_model(model, f"{name}-{data}", spec, fitting)
    source.manifest = source.manifest.model_copy(update={
        "genotype": name, **origin_lines(name, genotype),
        "trained": as_shipped or bool(wanted.weights)})
    if wanted.path is not None:
        real = _real_images(spec, settings["num_classes"], wanted.path)
        source = dataclasses.replace(source, **real)
    return source


def _with_weights_of(folder: Path, name: str, genotype: Genotype, wanted: BuildOptions) -> Source:
    """The cell's network with the weights of an artifact, which bring all settings."""
    _refuse(wanted, f"the weights {folder} bring their settings",
            ("data", "channels", "layers", "num_classes", "in_channels", "size"))
    kind = wanted.network or artifact.read_manifest(folder).network.kind
    model = create_model(genotype, kind, weights=folder)
    data = model.facts["input"]["data"]
    source = from_model(model, f"{name}-{data}" if data else name)
    source.manifest = source.manifest.model_copy(update={
        "genotype": name, **origin_lines(name, genotype)})
    if wanted.path is not None:
        real = _real_images(source.manifest.input, model.settings["num_classes"], wanted.path,
                            source.manifest)
        source = dataclasses.replace(source, **real)
    return source


def _sizes(data: str, kind: str, card: dict[str, Any]) -> dict[str, Any]:
    """Channels and layers where the user gave none: of the shipped weights, or of the recipe."""
    if card and card["network"]["kind"] == kind:
        return card["network"]
    if data in RECIPES:
        return dataclasses.asdict(recipe(data, network=kind))
    return DEFAULTS[kind]


def _language(name: str, genotype: RecurrentGenotype, record: str | None,
              wanted: BuildOptions) -> Source:
    if wanted.network not in (None, "language"):
        raise ValueError(f"{name} is a recurrent cell; it has no {wanted.network} network")
    _refuse(wanted, f"{name} is a recurrent cell",
            ("channels", "layers", "num_classes", "in_channels", "size", "data", "path"))
    named = _shipped(wanted)
    brought = named or wanted.weights
    if named or brought and not Path(brought).is_file():  # has its own settings
        _refuse(wanted, f"the weights {brought} bring their settings", ("vocabulary", "hidden"))
        model = create_model(record or genotype, "language", weights=brought)
    else:
        hidden = wanted.hidden or 200
        vocabulary = wanted.vocabulary or DEFAULTS["language"]["vocabulary"]
        fits.check_text(genotype, vocabulary, hidden)
        torch.manual_seed(wanted.seed)
        model = create_model(genotype, "language", weights=brought, vocabulary=vocabulary,
                             embedding=hidden, hidden=hidden)
    data = model.facts.get("metrics", {}).get("data", "language")
    source = from_model(model, f"{name}-{data}")
    source.manifest = source.manifest.model_copy(update={
        "genotype": name, **origin_lines(name, genotype),
        "trained": bool(brought) and source.manifest.trained})
    return source


def _shipped(wanted: BuildOptions) -> str | None:
    """The data set that `--weights` names, where it names one."""
    given = wanted.weights
    return str(given) if given and weights.names_data(str(given)) else None


def _refuse(wanted: BuildOptions, what: str, options: Sequence[str]) -> None:
    """Raise ValueError for the first of `options` that was given."""
    for name in options:
        if getattr(wanted, name) is not None:
            raise ValueError(f"{what}; leave --{name.replace('_', '-')} out")


def _input(data: str, wanted: BuildOptions) -> tuple[Input, list[str]]:
    """Size, statistics and class names of a data set, changed where the user said so."""
    if data == "digits":
        digits = images.load("digits")
        spec = Input(height=8, width=8, channels=1, mean=digits.mean, std=digits.std, data=data)
        labels = digits.labels
    elif data in _IMAGES:
        spec, labels = _IMAGES[data], []
        if not spec.mean:
            from zoo.data.sets import cifar

            mean, std = cifar.STATISTICS[data]
            spec = spec.model_copy(update={"mean": mean, "std": std})
            labels = list(cifar.CIFAR10_LABELS) if data == "cifar10" else []
    else:
        raise ValueError(f"unknown data {choices(data, ('digits', *_IMAGES))}")
    sizes = {"height": wanted.size, "width": wanted.size, "channels": wanted.in_channels}
    changes: dict[str, Any] = {key: value for key, value in sizes.items()
                               if value and value != getattr(spec, key)}
    if channels := changes.get("channels"):  # other channels, other statistics
        changes |= {"mean": [0.5] * channels, "std": [0.5] * channels}
    if changes:
        changes["data"] = None  # not that data set's images any more
    return spec.model_copy(update=changes), labels


def _real_images(spec: Input, classes: int | None, path: Path | None,
                 manifest: Manifest | None = None) -> _RealImages:
    """Where the data set is at hand: `images`, a test image of each of the first classes, with
    `labels`, and `test`, all of them; 0..255, (N, H, W, C).

    Raises ValueError where those at `path` are no images for the network of `manifest`.
    """
    if spec.data != "digits" and path is None:
        return {}
    if spec.data is None:
        raise ValueError(f"the images at {path} are not of this size or number of channels; leave "
                         "--path out")
    data = images.load_for(spec, spec.data, path)
    if path is not None and manifest is not None:
        check_match(manifest, data)
    if len(data.labels) != classes:
        return {}
    test = data.test
    labels, chosen = np.unique(test.labels, return_index=True)  # the first image of each
    labels, chosen = labels[:_MOST_IMAGES].tolist(), chosen[:_MOST_IMAGES].tolist()
    return {"images": np.asarray(test.images[chosen], np.float32), "labels": labels,
            "test": test.images}
