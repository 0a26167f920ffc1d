"""Checkpoints of the official 2018 DARTS release (github.com/quark0/darts) as artifacts.

A checkpoint is a state dict, plain or under ``state_dict``, its keys perhaps with ``module.``
before them (trained on several GPUs).  What it does not say, the genotype, is given; the rest
is read from the shapes.  Nothing in the file is executed.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import zoo
from zoo.artifact.folder import check_place, finalize, writing
from zoo.artifact.manifest import Input, Manifest, Network, NetworkKind, plain_name
from zoo.cell_file import read_cell, shown_name
from zoo.data.base import IMAGENET_STATISTICS
from zoo.data.cifar import CIFAR10_LABELS, STATISTICS
from zoo.genotypes.serialization import Genotype, to_json
from zoo.models.cost import cost, parameters
from zoo.models.factory import ZooNetwork, build_network
from zoo.registry import CellRecord, origin_lines, records
from zoo.weights import WEIGHTS, fill, misfit, save_weights

#: The key by which each kind of network is known.
_MARKS: dict[NetworkKind, str] = {
    "cifar": "stem.0.weight", "imagenet": "stem0.0.weight", "language": "rnns.0._W0"}


class CheckpointError(ValueError):
    """A checkpoint that cannot be read or is not of the cell; the message says which key."""


def import_checkpoint(path: Path | str, cell: str | CellRecord, directory: Path | str,
                      network: str = "auto") -> Manifest:
    """Write the artifact of the checkpoint at `path`, a network of `cell`; its manifest.

    `cell` is a name, a genotype file, or what `zoo.cell_file.read_cell` gave.  Raises
    UnknownCellError, GenotypeError, CheckpointError, ArtifactError for a folder that is not ours to
    replace, OSError.
    """
    path, record = Path(path), read_cell(cell) if isinstance(cell, str) else cell
    cell = shown_name(cell if isinstance(cell, str) else record.name, record)
    genotype = record.genotype
    check_place(Path(directory))  # before the work
    state = read_state(path)
    kind, settings = infer(state, path, network)
    state = _own_names(state, path, kind)
    _check_fit(genotype, cell, kind, settings, state, path)
    model = build_network(genotype, kind, **settings).eval()
    fill(model, state, path.name)
    manifest = _manifest(model, cell, path, kind, settings)
    with writing(directory) as folder:
        save_weights(model, folder / WEIGHTS)
        (folder / "genotype.json").write_text(to_json(genotype), encoding="utf-8")
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in manifest.labels),
                                           encoding="utf-8")
        return finalize(folder, manifest)


# --- reading --------------------------------------------------------------------------------


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, without prefix and auxiliary head.

    Raises CheckpointError for a file that is damaged, wants to run code, or holds no state
    dict; FileNotFoundError.
    """
    try:
        file = io.BytesIO(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no checkpoint {path}") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder, not a checkpoint") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it remarks on protocols of pickles that it refuses
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL (\S+)|Unsupported (?:global|class|operand)", str(error))
        if code is None:
            raise CheckpointError(f"{path} is damaged or no checkpoint of torch") from None
        what = f" ({code[1]})" if code[1] else ""
        raise CheckpointError(
            f"{path} holds more than tensors{what}, which could run any code, so it is not "
            "loaded; save its state dict: torch.save(model.state_dict(), ...)") from None
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, AttributeError, TypeError,
            AssertionError, struct.error):
        raise CheckpointError(f"{path} is damaged or no checkpoint of torch; get it "
                              "again") from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content or not all(
            isinstance(name, str) and isinstance(value, Tensor)
            for name, value in content.items()):
        raise CheckpointError(f"{path} holds no state dict (names and tensors)")
    state = {name.removeprefix("module."): value for name, value in content.items()}
    return {name: value for name, value in state.items()
            if not name.startswith("auxiliary_head.")}


def infer(state: dict[str, Tensor], path: Path, network: str = "auto"
          ) -> tuple[NetworkKind, dict[str, int]]:
    """The kind of network and its settings, from the shapes.  Raises CheckpointError."""
    kind: NetworkKind | None = next((kind for kind, mark in _MARKS.items() if mark in state), None)
    if kind is None:
        raise CheckpointError(f"{path} is no network of the 2018 release: it has none of "
                              + ", ".join(_MARKS.values()))
    if network not in ("auto", kind):
        raise CheckpointError(f"{path} is a {kind} network (it has {_MARKS[kind]}), not "
                              f"{network}; leave --network out")

    def size(name: str, dimensions: int) -> torch.Size:
        if name not in state or state[name].ndim != dimensions or 0 in state[name].shape:
            raise CheckpointError(f"{path}: {name} is missing or has no size that fits")
        return state[name].shape

    if kind == "language":
        vocabulary, embedding = size("encoder.weight", 2)
        hidden = size("rnns.0._W0", 2)[1] // 2
        return kind, {"vocabulary": vocabulary, "embedding": embedding, "hidden": hidden}
    numbers = [int(match[1]) for name in state if (match := re.match(r"cells\.(\d+)\.", name))]
    if not numbers or max(numbers) >= len(state):
        raise CheckpointError(f"{path} has no cells (cells.0. ...)")
    if kind == "cifar":
        channels, in_channels = size("stem.0.weight", 4)[0] // 3, size("stem.0.weight", 4)[1]
    else:
        channels, in_channels = size("stem1.1.weight", 4)[0], size("stem0.0.weight", 4)[1]
    return kind, {"channels": channels, "layers": max(numbers) + 1,
                  "num_classes": size("classifier.weight", 2)[0], "in_channels": in_channels}


def _own_names(state: dict[str, Tensor], path: Path, kind: str) -> dict[str, Tensor]:
    """The state as our network names it."""
    state = dict(state)
    if kind == "language" and "decoder.weight" in state:
        # The decoder is tied to the embedding; old checkpoints store both.
        decoder = state.pop("decoder.weight")
        if "encoder.weight" not in state or not torch.equal(decoder, state["encoder.weight"]):
            raise CheckpointError(f"{path}: decoder.weight is not encoder.weight; only the tied "
                                  "language model of the release is read")
    # torch 0.3, which wrote the published files, did not count batches.
    for name in list(state):
        if name.endswith("running_mean"):
            state.setdefault(name.replace("running_mean", "num_batches_tracked"), torch.tensor(0))
    return state


# --- does it fit? ---------------------------------------------------------------------------


def _shapes(genotype: Genotype, kind: NetworkKind, settings: dict[str, int]) -> dict[str, Tensor]:
    """Names and shapes of a network, without memory or arithmetic."""
    with torch.device("meta"):
        model = build_network(genotype, kind, **settings)
    # Tied copies cannot be told apart on the meta device, the language model has one.
    return {name: value for name, value in model.state_dict().items() if name != "decoder.weight"}


def _check_fit(genotype: Genotype, cell: str, kind: NetworkKind, settings: dict[str, int],
               state: dict[str, Tensor], path: Path) -> None:
    if (genotype.kind == "recurrent") != (kind == "language"):
        raise CheckpointError(f"{path} is a {kind} network, {cell} is a {genotype.kind} cell; "
                              + _others(kind, settings, state))
    try:
        problem = misfit(_shapes(genotype, kind, settings), state)
    except ValueError as error:  # settings of a language model that do not go together
        problem = str(error)
    if problem:
        raise CheckpointError(f"{path} is not a network of {cell}: {problem}; "
                              + _others(kind, settings, state))


def _others(kind: NetworkKind, settings: dict[str, int], state: dict[str, Tensor]) -> str:
    """Which registered cells the checkpoint could be of."""
    fitting = [record.name for record in records()
               if (record.genotype.kind == "recurrent") == (kind == "language")
               and _may_fit(record.genotype, kind, settings, state)]
    if not fitting:
        return "no registered cell fits, see `zoo list --all`"
    more = f" and {len(fitting) - 3} more" if len(fitting) > 3 else ""
    return f"it fits --cell {' or '.join(fitting[:3])}{more}"


def _may_fit(genotype: Genotype, kind: NetworkKind, settings: dict[str, int],
             state: dict[str, Tensor]) -> bool:
    """Compare the operations of one normal and one reduction cell: quick, and rarely wrong."""
    try:
        if kind == "language":
            return misfit(_shapes(genotype, kind, settings), state) is None
        small = _shapes(genotype, kind, settings | {"layers": 3})
    except ValueError:
        return False

    def operations(names: dict[str, Tensor], number: int) -> dict[str, torch.Size]:
        return {name.removeprefix(f"cells.{number}."): value.shape for name, value in names.items()
                if name.startswith((f"cells.{number}._ops.", f"cells.{number}.preprocess1."))}

    # Of three layers the first is a normal cell and the second the first reduction.
    pairs = [(1, settings["layers"] // 3)] + ([(0, 0)] if settings["layers"] > 2 else [])
    return all(operations(small, ours) == operations(state, theirs) for ours, theirs in pairs)


# --- the manifest ---------------------------------------------------------------------------


def _manifest(model: ZooNetwork, cell: str, path: Path, kind: NetworkKind,
              settings: dict[str, int]) -> Manifest:
    facts: dict[str, Any] = {
        "name": plain_name(f"{cell}-{path.stem}"), "genotype": cell,
             **origin_lines(cell, model.genotype),
             "network": Network(kind=kind, **settings), "trained": True,
             "tools": {"genotype-zoo": zoo.__version__, "torch": torch.__version__}}
    if kind == "language":
        return Manifest(task="language-model-step", input=Input(name="tokens", range=None),
                        outputs=["logits", "probabilities", "next_hidden"],
                        parameters=parameters(model), **facts)
    classes, channels = settings["num_classes"], settings["in_channels"]
    side, data = (224, None) if kind == "imagenet" else (32, None)
    mean, std = [0.0] * channels, [1.0] * channels
    if channels == 3:
        mean, std = IMAGENET_STATISTICS
        if kind == "cifar":
            data = {10: "cifar10", 100: "cifar100"}.get(classes)
            mean, std = STATISTICS[data or "cifar10"]
        elif classes == 1000:
            data = "imagenet"
    labels = CIFAR10_LABELS if data == "cifar10" else [str(number) for number in range(classes)]
    costs = cost(model, (channels, side, side))
    return Manifest(
        input=Input(height=side, width=side, channels=channels, mean=mean, std=std, data=data),
        labels=labels, parameters=costs.parameters, multiply_adds=costs.multiply_adds, **facts)
