"""Checks whether a state dict fits a network and, if not, finds the network that it fits.

The kind and sizes of a network follow from its shapes, and so do the operations of its cell that
have weights.  The edges of the cell do not, so a cell is never guessed.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from zoo.artifact.manifest import NetworkKind
from zoo.checkpoints import darts, recurrent
from zoo.checkpoints.file import WeightsError, loaded
from zoo.checkpoints.state import State, chosen, misfit, states
from zoo.genotypes.cell import Cell
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.serialization import Genotype
from zoo.models.factory import build_network
from zoo.models.operations import operation
from zoo.registry import CellRecord, records

#: Names that identify a network of any kind in a checkpoint.
NAMES = (*darts.NAMES, *recurrent.NAMES)
_MARKS: dict[NetworkKind, str] = {
    "cifar": darts.MARKS["cifar"], "imagenet": darts.MARKS["imagenet"],
    "language": recurrent.MARK, "nasbench201": darts.MARKS["nasbench201"]}

Sizes = tuple[NetworkKind, dict[str, int]]


def infer(tensors: dict[str, Tensor], where: str, network: str = "auto") -> Sizes:
    """Infer the kind of network and its settings from the shapes.  Raises WeightsError."""
    for name in tensors:
        if darts.is_supernet(name) or recurrent.is_supernet(name):
            raise WeightsError(f"{where} is the supernet of a search (it has {name}), not the "
                               "network of one cell; train the cell it found with `zoo train`")
    kinds: list[NetworkKind] = [kind for kind, mark in _MARKS.items() if mark in tensors]
    if not kinds:
        first = next(iter(tensors), None)
        raise WeightsError(f"{where} is not a network of the 2018 release: it has none of "
                           + ", ".join(_MARKS.values())
                           + (f"; its first tensor is {first}" if first else ""))
    kind = kinds[-1]  # a NAS-Bench-201 network has the stem of a CIFAR network too
    if network not in ("auto", kind):
        raise WeightsError(f"{where} is a {kind} network (it has {_MARKS[kind]}), not "
                           f"{network}; omit --network")
    if kind == "language":
        return kind, recurrent.sizes(tensors, where)
    return kind, darts.sizes(kind, tensors, where)


def shapes(genotype: Genotype, kind: NetworkKind, settings: dict[str, int]) -> dict[str, Tensor]:
    """Names and shapes of a network, as meta tensors.  Raises ValueError for invalid settings."""
    with torch.device("meta"):
        model = build_network(genotype, kind, **settings)
    # On the meta device ties cannot be detected; the language model has one.
    return {name: value for name, value in model.state_dict().items() if name != "decoder.weight"}


def fitted(content: bytes, own: dict[str, Tensor], where: str) -> State:
    """The state in a weights file that matches `own` best, under its names.

    Raises WeightsError for a file without a state.
    """
    found = [completed(state.without_extras(own), where)
             for state in states(loaded(content, where), {*own, *NAMES}, where)]
    return chosen(found, own)


def completed(state: State, where: str) -> State:
    """A state with counters that old torch omits, and without copies of tied weights."""
    tensors = darts.counted(recurrent.tied(state.tensors, where))
    return State(tensors, state.place, state.prefix, state.left_out)


# --- mismatches -------------------------------------------------------------------------------


def check(own: dict[str, Tensor], state: State, where: str, genotype: Genotype) -> None:
    """Raise WeightsError, naming the cells that would fit, unless a state fits `own`, the names and
    shapes of a network of `genotype`."""
    if problem := misfit(own, state.tensors):
        raise WeightsError(misfit_sentence(problem, state.tensors, where, genotype))


def misfit_sentence(problem: str, tensors: dict[str, Tensor], where: str, genotype: Genotype
                    ) -> str:
    """The message for a state that does not fit.  Raises WeightsError if it is not a network."""
    found = infer(tensors, where)
    what = f"{where} does not fit the network: "
    if (kind := family(found[0], tensors)) != genotype.kind:
        what += f"it has a {kind} cell, the network a {genotype.kind} one"
    elif _differs(genotype, tensors, found) is None:
        return f"{what}{problem}; it has this cell in other sizes, give {_sizes_of(found)}"
    else:
        what += problem
    return f"{what}; {cells_of(tensors, found, problem)}"


def cells_of(tensors: dict[str, Tensor], found: Sizes, known_problem: str = "") -> str:
    """The registered cells with these shapes, else the closest cell and its first difference,
    unless that is `known_problem`."""
    what = f"({_sizes_of(found)})"
    known = _by_likeness(tensors, found)
    if not known:
        return f"there is no registered cell of its kind {what}"
    if fitting := [record.name for record in cells_with(tensors, found)]:
        return f"its shapes are those of {' or '.join(fitting)} {what}"
    nearest = known[0][0]
    problem = _differs(nearest.genotype, tensors, found)
    differs = f": {problem}" if problem != known_problem else ""
    return f"no registered cell has its shapes {what}; the closest is {nearest.name}{differs}"


def _sizes_of(found: Sizes) -> str:
    kind, settings = found
    return ", ".join((f"{kind} network", *(f"{name} {value}" for name, value in settings.items())))


def _differs(genotype: Genotype, tensors: dict[str, Tensor], found: Sizes) -> str | None:
    """The first difference from the network of `genotype` in the inferred sizes, or None."""
    try:
        return misfit(shapes(genotype, *found), tensors)
    except ValueError as error:  # invalid sizes
        return str(error)


def cells_with(tensors: dict[str, Tensor], found: Sizes) -> list[CellRecord]:
    """The registered cells whose network has these names and shapes, sorted by name."""
    fitting = [record for record, likeness in _by_likeness(tensors, found) if likeness == 1
               and _differs(record.genotype, tensors, found) is None]
    return sorted(fitting, key=lambda record: record.name)


def _by_likeness(tensors: dict[str, Tensor], found: Sizes) -> list[tuple[CellRecord, float]]:
    known = [(record, _likeness(record, tensors, found))
             for record in records(kind=family(found[0], tensors))]
    return sorted(known, key=lambda entry: -entry[1])


def family(kind: NetworkKind, tensors: dict[str, Tensor]) -> str:
    """The kind of genotype of a network."""
    if kind == "language":
        return "recurrent"
    if kind == "nasbench201":
        return "nasbench201"
    return "hierarchical" if darts.is_hierarchical(tensors) else "conv"


def _likeness(record: CellRecord, tensors: dict[str, Tensor], found: Sizes) -> float:
    """The share of names and shapes that agree, 0 to 1; for a convolutional cell only of the
    operations in one normal and one reduction cell, which is fast and rarely wrong."""
    (kind, settings), genotype = found, record.genotype
    if not isinstance(genotype, ConvGenotype):
        return _share(_sizes(shapes(genotype, kind, settings)), _sizes(tensors))
    first, channels = settings["layers"] // 3, settings["channels"]
    shares = [_share(_operations(genotype.reduce, 2 * channels, True),
                     _sizes(tensors, f"cells.{first}._ops."))]
    if settings["layers"] > 2:  # with two layers both are reduction cells
        shares.append(_share(_operations(genotype.normal, channels, False),
                             _sizes(tensors, "cells.0._ops.")))
    return sum(shares) / len(shares)


def _operations(cell: Cell, channels: int, reduction: bool) -> dict[str, torch.Size]:
    """Shapes of a cell's operations, numbered as in `zoo.models.conv.Cell`."""
    return {f"{number}.{name}": shape for number, (kind, source) in enumerate(cell.edges)
            for name, shape in _operation(kind, channels, 2 if reduction and source < 2 else 1)}


@functools.cache
def _operation(kind: str, channels: int, stride: int) -> list[tuple[str, torch.Size]]:
    with torch.device("meta"):
        return list(_sizes(operation(kind, channels, stride).state_dict()).items())


def _sizes(tensors: dict[str, Tensor], start: str = "") -> dict[str, torch.Size]:
    """The shapes of tensors whose names begin with `start`, by the rest of the name."""
    return {name.removeprefix(start): value.shape for name, value in tensors.items()
            if name.startswith(start)}


def _share(own: dict[str, torch.Size], other: dict[str, torch.Size]) -> float:
    names = {*own, *other}
    same = sum(own.get(name) == other.get(name) for name in names)
    return same / len(names) if names else 1.0  # pools and skip connections have no weights
