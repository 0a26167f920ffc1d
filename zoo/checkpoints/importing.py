"""Checkpoints as artifacts: `zoo import`.

What a checkpoint does not say, the genotype, is given; the rest is read from the shapes.
Nothing in the file is executed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import zoo
from zoo.artifact.folder import check_place, finalize, read_manifest, writing
from zoo.artifact.manifest import Input, Manifest, Network, plain_name
from zoo.cell_file import read_cell, shown_name
from zoo.checkpoints import fit
from zoo.checkpoints.file import WeightsError, file_content, loaded
from zoo.checkpoints.first_bytes import plain_stem
from zoo.checkpoints.state import State, chosen, same_shape, say_left_out, states
from zoo.data.base import IMAGENET_STATISTICS
from zoo.data.sets.cifar import CIFAR10_LABELS, STATISTICS
from zoo.genotypes.serialization import Genotype, to_json
from zoo.messages.notes import note
from zoo.models.cost import cost, parameters
from zoo.models.factory import ZooNetwork, build_network
from zoo.registry import CellRecord, origin_lines
from zoo.weights import WEIGHTS, fill, save_weights


def import_checkpoint(path: Path | str, cell: str | CellRecord, directory: Path | str,
                      network: str = "auto") -> Manifest:
    """Write the artifact of the checkpoint at `path`, a network of `cell`; its manifest.

    `cell` is a name, a genotype file, or what `zoo.cell_file.read_cell` gave; `network` ('cifar',
    'imagenet', 'language') is what the checkpoint must be of.  Raises UnknownCellError,
    GenotypeError, WeightsError for a file that holds no network of the cell, ArtifactError for a
    folder that is not ours to replace, OSError.
    """
    path, record = Path(path), read_cell(cell) if isinstance(cell, str) else cell
    name = shown_name(cell if isinstance(cell, str) else record.name, record)
    check_place(Path(directory))  # before the work
    where, genotype = str(path), record.genotype
    state, (kind, settings) = _chosen(read_states(path), where, genotype, network)
    fit.check(fit.shapes(genotype, kind, settings), state, where, genotype)
    model = build_network(genotype, kind, **settings).eval()
    fill(model, state.tensors, where)
    say_left_out(state, where)
    twins = [other.name for other in fit.cells_with(state.tensors, (kind, settings))
             if other.genotype != genotype]
    if twins:
        note(f"{where}: its shapes are those of {' and '.join(twins)} too; they do not say which "
             f"node reads which{', nor by what activation' * (kind == 'language')}")
    manifest = _manifest(model, name, plain_stem(where), (kind, settings))
    with writing(directory) as folder:
        save_weights(model, folder / WEIGHTS)
        (folder / "genotype.json").write_text(to_json(genotype), encoding="utf-8")
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in manifest.labels),
                                           encoding="utf-8")
        return finalize(folder, manifest)


def read_states(path: Path) -> list[State]:
    """The states in a checkpoint, under the names of the 2018 release.  Raises WeightsError,
    ArtifactError for a folder, OSError."""
    if path.is_dir():
        read_manifest(path)
        raise WeightsError(f"{path} is an artifact already; every command takes it as it is, and "
                           f"its weights alone are {path / WEIGHTS}")
    where = str(path)
    return [fit.completed(state.without_extras(()), where) for state in states(
        loaded(file_content(path), where), fit.NAMES, where)]


def fitting_cells(path: Path) -> str:
    """Which cells a checkpoint has the shapes of, in words.  Raises as `read_states` does."""
    state, found = _inferred(read_states(path), str(path), "auto")[0]
    return fit.cells_of(state.tensors, found)


def _inferred(found: list[State], where: str, network: str) -> list[tuple[State, fit.Sizes]]:
    """The states that are networks, with their sizes.  Raises WeightsError where none is."""
    networks: list[tuple[State, fit.Sizes]] = []
    errors: list[WeightsError] = []
    for state in found:
        try:
            networks.append((state, fit.infer(state.tensors, where, network)))
        except WeightsError as error:
            errors.append(error)
    if not networks:
        raise errors[0]
    return networks


def _chosen(found: list[State], where: str, genotype: Genotype, network: str
            ) -> tuple[State, fit.Sizes]:
    """The state that is most like a network of `genotype`, with its sizes."""
    networks = _inferred(found, where, network)
    ours = [(state, sizes) for state, sizes in networks
            if fit.family(sizes[0], state.tensors) == genotype.kind]
    if not ours:
        raise WeightsError(fit.misfit_sentence("", networks[0][0].tensors, where, genotype))
    best, most = ours[0], -1.0
    for state, sizes in ours:  # most often all are of the same sizes
        own = fit.shapes(genotype, *sizes)
        likeness = sum(same_shape(own, state.tensors, name) for name in own) / len(own)
        if likeness > most:
            best, most = (state, sizes), likeness
    sizes = best[1]
    return chosen([state for state, _ in ours], fit.shapes(genotype, *sizes)), sizes


# --- the manifest ---------------------------------------------------------------------------


def _manifest(model: ZooNetwork, cell: str, stem: str, found: fit.Sizes) -> Manifest:
    kind, settings = found
    facts: dict[str, Any] = {
        "name": plain_name(f"{cell}-{stem}"), "genotype": cell,
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
        if kind in ("cifar", "nasbench201"):
            data = {10: "cifar10", 100: "cifar100"}.get(classes)
            mean, std = STATISTICS[data or "cifar10"]
        elif classes == 1000:
            data = "imagenet"
    labels = CIFAR10_LABELS if data == "cifar10" else [str(number) for number in range(classes)]
    costs = cost(model, (channels, side, side))
    return Manifest(
        input=Input(height=side, width=side, channels=channels, mean=mean, std=std, data=data),
        labels=labels, parameters=costs.parameters, multiply_adds=costs.multiply_adds, **facts)
