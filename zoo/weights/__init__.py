"""Trained weights: loading and saving files, the shipped weights, and those of artifacts.

Each shipped ``NAME-DATA.safetensors`` (float16) has a card, ``NAME-DATA.json``, with its network,
training and metrics.  Larger weights have only a card, see `zoo.weights.hub`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from torch import Tensor, nn

from zoo.artifact.names import GENOTYPE
from zoo.checkpoints import fit
from zoo.checkpoints.file import WeightsError, file_content, safetensors_of
from zoo.checkpoints.state import misfit, say_left_out
from zoo.hub import artifact as hub_artifact
from zoo.hub.address import is_address
from zoo.models.factory import ZooNetwork, build_network
from zoo.system.files import write_whole
from zoo.weights.hub import fetch
from zoo.weights.numbers import unusable

if TYPE_CHECKING:
    from zoo.artifact.folder import Where
    from zoo.artifact.manifest import Manifest
    from zoo.genotypes.serialization import Genotype

HERE = Path(__file__).parent
WEIGHTS = "model.safetensors"


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict on the CPU, without the auxiliary head and without tied copies."""
    state: dict[str, Tensor] = {}
    seen: set[int | None] = set()
    for name, value in model.state_dict().items():
        address = value.data_ptr() if value.numel() else None
        if not name.startswith("auxiliary_head.") and address not in seen:
            seen.add(address)
            state[name] = value.detach().cpu().contiguous()
    return state


def state_sha256(model: nn.Module) -> str:
    """sha256 of the trained values as float32, independent of the device."""
    digest = hashlib.sha256()
    for name, value in trained_state(model).items():
        digest.update(name.encode())
        digest.update(value.float().numpy().tobytes())
    return digest.hexdigest()


def save_weights(model: nn.Module, path: Path | str, half: bool = False) -> None:
    """Write the trained values of `model` as safetensors, atomically; see `packed`."""
    write_whole(Path(path), packed(model, half))


def packed(model: nn.Module, half: bool = False, metadata: dict[str, str] | None = None) -> bytes:
    """The trained values of `model` as the bytes of a safetensors file.

    `half` stores matrices and kernels as float16; vectors (batch-norm, biases) stay float32,
    because a running variance can underflow in float16.
    """
    state = trained_state(model)
    if half:
        state = {name: value.half() if value.ndim > 1 and value.is_floating_point() else value
                 for name, value in state.items()}
    return safetensors.torch.save(state, metadata)


def load_weights(model: ZooNetwork, source: Path | str | bytes, where: str | None = None) -> None:
    """Load a weights file, or its bytes, into `model`, in any format that `zoo.checkpoints` reads.

    `where` names the source in errors.  Raises WeightsError for a file that is missing, damaged or
    does not fit the model.
    """
    where = where or str(source)
    content = source if isinstance(source, bytes) else file_content(Path(source))
    own = trained_state(model)
    state = fit.fitted(content, own, where)
    fit.check(own, state, where, model.genotype)
    fill(model, state.tensors, where)
    say_left_out(state, where)


def fill(model: nn.Module, state: dict[str, Tensor], where: str) -> None:
    """Copy `state` into `model`.  Raises WeightsError, before anything is copied, if a key or shape
    does not fit or a value is not usable."""
    own = model.state_dict()
    if problem := misfit(trained_state(model), state):
        raise WeightsError(f"{where} does not fit the network: {problem}")
    if problem := unusable(own, state):
        raise WeightsError(f"{where}: {problem}, so its outputs are meaningless; use an earlier "
                           "checkpoint, or get the file again")
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)


# --- shipped weights ------------------------------------------------------------------------


def packaged(cell: str, data: str) -> dict[str, Any] | None:
    """The card of the shipped weights of a cell, or None if there are none.

    `cell` is a registered name or alias.  Raises UnknownCellError for any other.
    """
    from zoo.registry import record

    path = HERE / f"{record(cell).name}-{data}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def packaged_file(card: dict[str, Any]) -> Path:
    """The weights file of a card, next to it or downloaded from the Hugging Face Hub.  Raises
    WeightsError if the download fails."""
    stem = f"{card['cell']}-{card['data']}"
    if "hub" in card:
        return fetch(card, stem)
    return HERE / f"{stem}.safetensors"


def packaged_cells(data: str) -> list[str]:
    """Canonical names of the cells with shipped weights for a data set."""
    return sorted(path.name.removesuffix(f"-{data}.json") for path in HERE.glob(f"*-{data}.json"))


def names_data(weights: str) -> bool:
    """Whether `weights` is the name of a data set rather than of a file or folder."""
    return weights.isidentifier() and (bool(packaged_cells(weights))
                                       or not Path(weights).exists())


@dataclasses.dataclass(frozen=True)
class PretrainedWeights:
    """Weights to load: their bytes, the settings that they require (and `kind`), a name for errors.

    `facts` is metadata: input, labels, metrics, licence and agreement as in a manifest, the
    vocabulary of a language model, and for an artifact whether it is trained.  `genotype` is the
    cell of an artifact.
    """

    content: bytes
    settings: dict[str, Any]
    where: str
    facts: dict[str, Any]
    genotype: Genotype | None = None


def find(weights: str | Path, cell: str | Genotype) -> PretrainedWeights:
    """Find the weights that `create_model` loads: `weights` is a data set's name, a weights file
    (which requires no settings), an artifact's folder, or its address on the Hugging Face Hub.

    Raises ValueError if there are none, WeightsError for an artifact of another cell, HubError.
    """
    if isinstance(weights, str) and names_data(weights):
        if not isinstance(cell, str):
            raise ValueError(f"weights={weights!r} needs the name of a cell, not a genotype; give "
                             "the path of a file")
        if (card := packaged(cell, weights)) is None:
            cells = packaged_cells(weights)
            if not cells:
                names = sorted({path.stem.rpartition("-")[2] for path in HERE.glob("*.json")})
                raise ValueError(f"no weights are shipped for {weights!r}, only for "
                                 f"{', '.join(names)}, and there is no such file or folder")
            raise ValueError(f"no weights of {cell} for {weights!r} are shipped, only those of "
                             f"{', '.join(cells)}; train them with `zoo train {cell}`")
        path = packaged_file(card)
        return PretrainedWeights(path.read_bytes(), card["network"], path.name, _facts(card))
    if is_address(weights):
        return of_artifact(hub_artifact.find(str(weights)), cell)
    path = Path(weights)
    if path.is_dir():
        return of_artifact(path, cell)
    return PretrainedWeights(file_content(path), {}, str(path), {})


def of_artifact(place: Where, cell: str | Genotype | None = None) -> PretrainedWeights:
    """The weights of an artifact.

    Raises ArtifactError if it is damaged, WeightsError if it is of another cell than `cell`.
    """
    from zoo.artifact.folder import read_file, read_genotype, read_manifest, read_vocabulary
    from zoo.registry import genotype

    manifest = read_manifest(place)
    found = read_genotype(place, manifest)
    if cell is not None and found != (genotype(cell) if isinstance(cell, str) else cell):
        raise WeightsError(f"{place} has the weights of another cell, {manifest.genotype}")
    settings = {"kind": manifest.network.kind, **manifest.network.settings()}
    facts = manifest.model_dump(include={
        "input", "labels", "metrics", "licence", "agreement", "trained"})
    facts["vocabulary"] = read_vocabulary(place, manifest)
    return PretrainedWeights(read_file(place, manifest, WEIGHTS), settings, str(place), facts,
                             found)


def _facts(card: dict[str, Any]) -> dict[str, Any]:
    """The metadata in a card; a language model has tokens instead of labels."""
    metrics = ("test_accuracy", "test_perplexity", "valid_perplexity", "test_bits_per_character",
                "lstm_perplexity", "lstm_parameters", "data", "remark", "images", "tokens")
    facts = {"metrics": {key: card[key] for key in metrics if key in card},
             "licence": card["licence"], "agreement": card.get("agreement", [])}
    if card["network"]["kind"] != "language":
        return facts | {"input": card["input"], "labels": card["labels"]}
    spec = {"name": "tokens", "range": None, "unit": card["unit"], "data": card["data"]}
    return facts | {"input": spec, "labels": [], "vocabulary": card["vocabulary"]}


# --- weights of an artifact -----------------------------------------------------------------


def load_artifact(directory: Where) -> tuple[ZooNetwork, Manifest]:
    """Load the network of an artifact, in eval mode on the CPU, and its manifest.

    Raises ArtifactError or WeightsError if the folder is damaged or not an artifact.
    """
    from zoo.artifact.folder import read_file, read_genotype, read_manifest, remedy

    manifest = read_manifest(directory)
    genotype = read_genotype(directory, manifest)
    content = read_file(directory, manifest, WEIGHTS)
    try:
        model = build_network(genotype, manifest.network.kind, **manifest.network.settings())
    except (TypeError, ValueError, RuntimeError) as error:  # another kind, or invalid settings
        why = str(error).splitlines()[0][:160]
        raise WeightsError(f"{directory}: {GENOTYPE} and the manifest's network do not match "
                           f"({why}); {remedy(directory)}") from None
    where = f"{directory}/{WEIGHTS}"
    fill(model, safetensors_of(content, where), where)
    return model.eval(), manifest
