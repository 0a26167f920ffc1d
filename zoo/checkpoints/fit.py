"""Does a state fit a network, and if not, which one does it fit?

Kind and sizes of a network follow from its shapes.  So do the operations of its cell, but for
those without weights; which node reads which does not, so that a cell is never guessed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.artifact.manifest import NetworkKind
from zoo.checkpoints import darts, recurrent
from zoo.checkpoints.file import WeightsError, loaded
from zoo.checkpoints.state import State, chosen, misfit, same_shape, states
from zoo.genotypes.serialization import Genotype
from zoo.models.factory import build_network
from zoo.registry import CellRecord, records

#: By these a network of any kind is found in a checkpoint.
NAMES = (*darts.NAMES, *recurrent.NAMES)
_MARKS: dict[NetworkKind, str] = {
    "cifar": darts.MARKS["cifar"], "imagenet": darts.MARKS["imagenet"], "language": recurrent.MARK}

Sizes = tuple[NetworkKind, dict[str, int]]


def infer(tensors: dict[str, Tensor], where: str, network: str = "auto") -> Sizes:
    """The kind of network and its settings, from the shapes.  Raises WeightsError."""
    for name in tensors:
        if darts.is_supernet(name) or recurrent.is_supernet(name):
            raise WeightsError(f"{where} is the supernet of a search (it has {name}), not the "
                               "network of one cell; train the cell that it found, `zoo train`")
    kind: NetworkKind | None = next((kind for kind, mark in _MARKS.items() if mark in tensors),
                                    None)
    if kind is None:
        first = next(iter(tensors), None)
        raise WeightsError(f"{where} is no network of the 2018 release: it has none of "
                           + ", ".join(_MARKS.values())
                           + (f", its first tensor is {first}" if first else ""))
    if network not in ("auto", kind):
        raise WeightsError(f"{where} is a {kind} network (it has {_MARKS[kind]}), not "
                           f"{network}; leave --network out")
    if kind == "language":
        return kind, recurrent.sizes(tensors, where)
    return kind, darts.sizes(kind, tensors, where)


def shapes(genotype: Genotype, kind: NetworkKind, settings: dict[str, int]) -> dict[str, Tensor]:
    """Names and shapes of a network, without memory or arithmetic.  Raises ValueError for
    settings that no network has."""
    with torch.device("meta"):
        model = build_network(genotype, kind, **settings)
    # Tied copies cannot be told apart on the meta device, the language model has one.
    return {name: value for name, value in model.state_dict().items() if name != "decoder.weight"}


def fitted(content: bytes, own: dict[str, Tensor], where: str) -> State:
    """The state in a file of weights that is most like `own`, under its names.

    Raises WeightsError for a file that holds no state.
    """
    found = [completed(state.without_extras(own), where)
             for state in states(loaded(content, where), {*own, *NAMES}, where)]
    return chosen(found, own)


def completed(state: State, where: str) -> State:
    """A state with what its own torch did not write, and without what it wrote twice."""
    tensors = darts.counted(recurrent.tied(state.tensors, where))
    return State(tensors, state.place, state.prefix, state.left_out)


# --- what does not fit ------------------------------------------------------------------------


def check(own: dict[str, Tensor], state: State, where: str, genotype: Genotype) -> None:
    """Raise WeightsError, with the cells that a state is one of, where it does not fit `own`,
    names and shapes of a network of `genotype`."""
    if problem := misfit(own, state.tensors):
        raise WeightsError(misfit_sentence(problem, state.tensors, where, genotype))


def misfit_sentence(problem: str, tensors: dict[str, Tensor], where: str, genotype: Genotype
                    ) -> str:
    """What does not fit, and what would.  Raises WeightsError for what is no network at all."""
    found = infer(tensors, where)
    if (made_of := family(found[0], tensors)) != genotype.kind:
        problem = f"it is of a {made_of} cell, the network of a {genotype.kind} one"
    return f"{where} does not fit the network: {problem}; {cells_of(tensors, found)}"


def cells_of(tensors: dict[str, Tensor], found: Sizes) -> str:
    """Which registered cells have these shapes, or else the nearest and where it differs."""
    kind, settings = found
    sizes = ", ".join(f"{name} {value}" for name, value in settings.items())
    what = f"({kind} network, {sizes})"
    known = [(record, _likeness(record, tensors, found)) for record in records(
        kind=family(kind, tensors))]
    if not known:
        return f"there is no registered cell of its kind {what}"
    fitting = [record.name for record, likeness in known if likeness == 1
               and misfit(shapes(record.genotype, kind, settings), tensors) is None]
    if fitting:
        return f"its shapes are those of {' or '.join(fitting)} {what}"
    nearest, _ = max(known, key=lambda entry: entry[1])
    try:
        problem = misfit(shapes(nearest.genotype, kind, settings), tensors)
    except ValueError as error:  # settings that no network has
        problem = str(error)
    return f"no registered cell has its shapes {what}, the nearest is {nearest.name}: {problem}"


def family(kind: NetworkKind, tensors: dict[str, Tensor]) -> str:
    """The kind of genotype that a network is made of."""
    if kind == "language":
        return "recurrent"
    return "hierarchical" if darts.is_hierarchical(tensors) else "conv"


def _likeness(record: CellRecord, tensors: dict[str, Tensor], found: Sizes) -> float:
    """Which share of names and shapes agree, 0 to 1, of one normal and one reduction cell: quick,
    and rarely wrong where it is 1."""
    kind, settings = found
    whole = family(kind, tensors) != "conv" or settings["layers"] <= 3
    try:
        own = shapes(record.genotype, kind, settings | ({} if whole else {"layers": 3}))
    except ValueError:
        return 0.0
    if whole:
        return _share(own, tensors)
    # Of three layers the first is a normal cell and the second the first reduction.
    shares = [_share(_cell(own, ours), _cell(tensors, theirs))
              for ours, theirs in ((0, 0), (1, settings["layers"] // 3))]
    return sum(shares) / len(shares)


def _cell(tensors: dict[str, Tensor], number: int) -> dict[str, Tensor]:
    """The operations of one cell and what is in front of them, by their names within it."""
    start = f"cells.{number}."
    return {name.removeprefix(start): value for name, value in tensors.items()
            if name.startswith((f"{start}_ops.", f"{start}preprocess1.",
                                f"{start}_concat_reduce."))}


def _share(own: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    names: Any = own.keys() | other.keys()
    return sum(same_shape(own, other, name) for name in names) / len(names) if names else 0.0
