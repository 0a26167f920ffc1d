"""A cell as a source: by name, from a genotype file or an artifact folder, or as a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import nn

from export import calibration, fits
from export.pipeline import Source
from export.sources.options import BuildOptions, refuse
from zoo import weights
from zoo.artifact import folder as artifact
from zoo.artifact.manifest import Input, Manifest, Network, plain_name
from zoo.cell_file import read_cell, shown_name
from zoo.create import create_model
from zoo.data import images
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.genotypes.serialization import Genotype, kind_name
from zoo.hub.address import is_address
from zoo.messages.command_line import command
from zoo.messages.spelling import choices
from zoo.models.factory import DEFAULTS, ZooNetwork, network_kind
from zoo.recipes.image import RECIPES, recipe
from zoo.registry import origin_lines
from zoo.training.evaluation import check_match

_CLASSES = {"cifar100": 100, "imagenet": 1000}
_MOST_IMAGES = 20  # real images in the parity check of each hop and of the page

# Sizes and statistics of data sets, so that an export does not need the data.
_IMAGES = {
    "cifar10": Input(height=32, width=32, channels=3, data="cifar10"),
    "cifar100": Input(height=32, width=32, channels=3, data="cifar100"),
    "imagenet": Input(height=224, width=224, channels=3, data="imagenet",
                      mean=images.IMAGENET_STATISTICS[0], std=images.IMAGENET_STATISTICS[1]),
}


class _RealImages(TypedDict, total=False):
    """Fields of a `Source`, see `_real_images`."""

    images: np.ndarray
    labels: list[int]
    test: np.ndarray
    calibration: Callable[[], np.ndarray]


def from_name(target: str, options: BuildOptions) -> Source:
    """The source of a cell, by name or from a genotype file."""
    record = read_cell(target, options.select)
    registered_name = record.name if record.origin != "file" else None
    return _from_cell(shown_name(target, record), record.genotype, registered_name, options)


def from_model(model: ZooNetwork, name: str, spec: Input | None = None,
               labels: Sequence[str] = (), vocabulary: Sequence[str] = ()) -> Source:
    """The source of a network made by `zoo.create_model`; `spec` describes its input.

    For a language model, `vocabulary` lists the tokens and `spec` has their unit.  The default of
    `spec` is the input of the weights loaded by `create_model`, otherwise raw 0..255, 32x32 for a
    CIFAR network and 224x224 for an ImageNet one, scaled to -1..1.  Metrics of loaded weights are
    kept while the weights are unchanged.  A network whose batch norms have seen no batch counts as
    untrained.
    """
    facts = model.facts
    unchanged = facts and facts["sha256"] == weights.state_sha256(model)
    if unchanged and spec and "input" in facts:  # metrics hold for this size and scaling only
        unchanged = spec == Input.model_validate(facts["input"])
    measured = facts if unchanged else {}
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    trained = facts.get("trained", True) if facts else (
        not norms or any(m.num_batches_tracked for m in norms))
    network = Network.model_validate({"kind": model.kind, **model.settings})
    fields: dict[str, Any] = {
        "name": plain_name(name), "genotype": name, "trained": trained, "parameters": 1,
        "network": network, "metrics": measured.get("metrics", {}),
        "licence": facts.get("licence", ""), "agreement": measured.get("agreement", [])}
    if model.kind == "language":
        spec = spec or Input.model_validate(facts.get("input", {"name": "tokens", "range": None}))
        tokens = list(vocabulary) or facts.get("vocabulary")
        if tokens and len(tokens) != model.settings["vocabulary"]:
            raise ValueError(f"the vocabulary has {len(tokens)} tokens, the network "
                             f"{model.settings['vocabulary']}")
        if tokens and spec.unit is None:
            raise ValueError("the input of a language model with a vocabulary needs a unit, word "
                             "or char")
        return Source(model.eval(), model.genotype, Manifest(
            task="language-model-step", input=spec, labels=list(labels), **fields),
            vocabulary=tokens)
    size, channels = 224 if model.kind == "imagenet" else 32, model.settings["in_channels"]
    classes = model.settings["num_classes"]
    spec = spec or (Input.model_validate(facts["input"]) if "input" in facts else Input(
        height=size, width=size, channels=channels, mean=[0.5] * channels, std=[0.5] * channels))
    names: list[str] = list(labels) or facts.get("labels") or _numbered(classes)
    if len(names) != classes:
        raise ValueError(f"{len(names)} labels for {classes} classes")
    return Source(model.eval(), model.genotype, Manifest(input=spec, labels=names, **fields),
                  **_real_images(spec, names, None))


def _numbered(classes: int) -> list[str]:
    return [f"class {index}" for index in range(classes)]


def from_artifact(directory: artifact.Where, options: BuildOptions) -> Source:
    """The source of an artifact, with its weights."""
    fixed = [option.name for option in dataclasses.fields(options)
             if option.name not in ("path", "seed")]
    refuse(options, f"{directory} is an artifact, which brings its own settings", fixed)
    model, manifest = weights.load_artifact(directory)
    if model.kind == "language":
        refuse(options, f"{directory} is a language model, which reads no images", ("path",))
        return Source(model, model.genotype, manifest,
                      vocabulary=artifact.read_vocabulary(directory, manifest))
    return Source(model, model.genotype, manifest,
                  **_real_images(manifest.input, manifest.labels or _numbered(
                      manifest.network.num_classes or 0), options.path, manifest))


def _from_cell(name: str, genotype: Genotype, record: str | None, options: BuildOptions) -> Source:
    if isinstance(genotype, RecurrentGenotype):
        return _language(name, genotype, record, options)
    what = kind_name(genotype)
    if options.network == "language":
        raise ValueError(f"{name} is a {what} cell and has no {options.network} network")
    if options.network is not None:
        network_kind(genotype, options.network)
    refuse(options, f"{name} is a {what} cell", ("vocabulary", "hidden"))
    if is_address(options.weights):
        raise ValueError(f"--weights {options.weights} is an artifact, which has its own cell; "
                         f"build it with `{command('zoo', 'build', options.weights)} ...`")
    if options.weights and not _shipped(options) and Path(options.weights).is_dir():
        return _with_weights_of(Path(options.weights), name, genotype, options)
    if (named := _shipped(options)) and options.data in (None, named):
        options = dataclasses.replace(options, data=named, weights=None)
        if not record or not weights.packaged(record, named):
            weights.find(named, record or genotype)  # raises, and lists the shipped weights
    data = options.data or ("imagenet" if options.network == "imagenet" else "digits")
    spec, labels = input_of(data, options)
    card = (weights.packaged(record, data) if record and not options.weights else None) or {}
    kind = network_kind(
        genotype, options.network or ("imagenet" if data == "imagenet" else "cifar"))
    default = _sizes(data, kind, card)
    settings: dict[str, Any] = {
        "channels": options.channels or default["channels"],
        "layers": options.layers or default["layers"],
        "num_classes": options.num_classes or len(labels) or _CLASSES.get(data, 10),
        "in_channels": spec.channels,
    }
    as_shipped = bool(card) and card["network"] == {"kind": kind, **settings} \
        and card["input"]["height"] == spec.height
    fits.check_images(genotype, kind, settings, spec)
    torch.manual_seed(options.seed)
    if options.weights:
        model = create_model(genotype, kind, weights=options.weights, **settings)
    elif as_shipped:
        model = create_model(record or genotype, kind, weights=data)
    else:
        model = create_model(genotype, kind, **settings).eval()
    fitting = labels if len(labels) == settings["num_classes"] else ()
    source = from_model(model, f"{name}-{data}", spec, fitting)
    source.manifest = source.manifest.model_copy(update={
        "genotype": name, **origin_lines(name, genotype),
        "trained": as_shipped or bool(options.weights)})
    if options.path is not None:
        real = _real_images(spec, source.manifest.labels, options.path)
        source = dataclasses.replace(source, **real)
    return source


def _with_weights_of(folder: Path, name: str, genotype: Genotype, options: BuildOptions) -> Source:
    """The source of a cell with the weights and settings of an artifact."""
    refuse(options, f"the weights {folder} bring their settings",
            ("data", "channels", "layers", "num_classes", "in_channels", "size"))
    kind = options.network or artifact.read_manifest(folder).network.kind
    model = create_model(genotype, kind, weights=folder)
    data = model.facts["input"]["data"]
    source = from_model(model, f"{name}-{data}" if data else name)
    source.manifest = source.manifest.model_copy(update={
        "genotype": name, **origin_lines(name, genotype)})
    if options.path is not None:
        real = _real_images(source.manifest.input, source.manifest.labels, options.path,
                            source.manifest)
        source = dataclasses.replace(source, **real)
    return source


def _sizes(data: str, kind: str, card: dict[str, Any]) -> dict[str, Any]:
    """Default channels and layers: those of the shipped weights, else of the recipe."""
    if card and card["network"]["kind"] == kind:
        return card["network"]
    if data in RECIPES:
        return dataclasses.asdict(recipe(data, network=kind))
    return DEFAULTS[kind]


def _language(name: str, genotype: RecurrentGenotype, record: str | None,
              options: BuildOptions) -> Source:
    if options.network not in (None, "language"):
        raise ValueError(f"{name} is a recurrent cell and has no {options.network} network")
    refuse(options, f"{name} is a recurrent cell",
            ("channels", "layers", "num_classes", "in_channels", "size", "data", "path"))
    named = _shipped(options)
    source_weights = named or options.weights
    if named or source_weights and not Path(source_weights).is_file():  # with their own settings
        refuse(options, f"the weights {source_weights} bring their settings",
               ("vocabulary", "hidden"))
        model = create_model(record or genotype, "language", weights=source_weights)
    else:
        hidden = options.hidden or 200
        vocabulary = options.vocabulary or DEFAULTS["language"]["vocabulary"]
        fits.check_text(genotype, vocabulary, hidden)
        torch.manual_seed(options.seed)
        model = create_model(genotype, "language", weights=source_weights, vocabulary=vocabulary,
                             embedding=hidden, hidden=hidden)
    data = model.facts.get("metrics", {}).get("data", "language")
    source = from_model(model, f"{name}-{data}")
    source.manifest = source.manifest.model_copy(update={
        "genotype": name, **origin_lines(name, genotype),
        "trained": bool(source_weights) and source.manifest.trained})
    return source


def _shipped(options: BuildOptions) -> str | None:
    """The data set named by `--weights`, or None."""
    name = options.weights
    return str(name) if name and weights.names_data(str(name)) else None


def input_of(data: str, options: BuildOptions) -> tuple[Input, list[str]]:
    """Size, statistics and class names of a data set, with the user's size and channels."""
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
    sizes = {"height": options.size, "width": options.size, "channels": options.in_channels}
    changes: dict[str, Any] = {key: value for key, value in sizes.items()
                               if value and value != getattr(spec, key)}
    if channels := changes.get("channels"):  # the statistics no longer apply
        changes |= {"mean": [0.5] * channels, "std": [0.5] * channels}
    if changes:
        changes["data"] = None  # no longer that data set's images
    return spec.model_copy(update=changes), labels


def _real_images(spec: Input, names: Sequence[str], path: Path | None,
                 manifest: Manifest | None = None) -> _RealImages:
    """Real images of the data set if it is available, 0..255, (N, H, W, C): `images`, one test
    image of each of the first classes, their `labels`, `test`, the whole test set, and
    `calibration`.  A network whose classes have other `names` gets none, even if there are as many.

    Raises ValueError if the images at `path` do not fit the network of `manifest`.
    """
    if spec.data != "digits" and path is None:
        return {}
    if spec.data is None:
        raise ValueError(f"the images at {path} have another size or number of channels; leave "
                         "--path out")
    data = images.load_for(spec, spec.data, path)
    if path is not None and manifest is not None:
        check_match(manifest, data)
    if len(data.labels) != len(names):
        return {}
    if path is None and list(names) not in (data.labels, _numbered(len(names))):
        return {}
    test = data.test
    labels, chosen = np.unique(test.labels, return_index=True)  # the first image of each
    labels, chosen = labels[:_MOST_IMAGES].tolist(), chosen[:_MOST_IMAGES].tolist()
    return {"images": np.asarray(test.images[chosen], np.float32), "labels": labels,
            "test": test.images, "calibration": lambda: calibration.chosen(data.train.images)}
