"""Finds the state dict of a network in a checkpoint.

A checkpoint may be the state dict itself, or nested dicts with optimizers and settings; every
wrapper (DataParallel, torch.compile, Lightning, an average of weights) adds a prefix to all names.
A state is therefore recognized by its names, and anything before a name of the network is a prefix.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from zoo.checkpoints.file import WeightsError
from zoo.checkpoints.first_bytes import state_name
from zoo.messages.notes import listed, note

#: Parts that wrappers insert between the names of a network's own modules.
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
#: Common prefixes, for a network whose names are all unknown.
_PREFIXES = _WRAPPERS | {"model", "net", "network", "state_dict", "backbone"}
_OPTIMIZER = re.compile(r"optimi[sz]er|\boptim\b|momentum|exp_avg|^grad|scheduler", re.IGNORECASE)
_AVERAGE = re.compile(r"(?i:(^|[_.])ema|[_.]ema$|averag|shadow|(^|[_.])swa)|EMA")
_DEEPEST = 12
_EXTRAS = {  # tensors that do not belong to a network, by name
    "thop's counters": re.compile(r"(.*\.)?total_(ops|params)$"),
    "the auxiliary head": re.compile(r"auxiliary_head\."),
    "alphas of a search": re.compile(
        r"(.*\.)?_?(alphas?|betas?|gammas?|arch_(\w+_)?(parameters?|params?|weights))"
        r"(_\w+)?(\.\d+)?$"),
    "counts of an average": re.compile(r"(n_averaged|num_updates|decay|initted|step)$")}


@dataclass
class State:
    """Tensors by their names in a network.

    `place` are the keys of the enclosing dicts, `prefix` the removed prefix of the names, and
    `left_out` describes what was ignored.
    """

    tensors: dict[str, Tensor]
    place: tuple[str, ...] = ()
    prefix: str = ""
    left_out: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The place and prefix, such as ``state_dict, model.*``."""
        return ", ".join((*self.place, *([f"{self.prefix}*"] if self.prefix else []))) or "the top"

    @property
    def averaged(self) -> bool:
        """Whether the place or prefix indicates averaged weights."""
        return any(_AVERAGE.search(name) for name in (*self.place, self.prefix))

    def without_extras(self, names: Collection[str]) -> State:
        """A copy without tensors that do not belong to a network, except for `names`."""
        kept, counts = dict(self.tensors), Counter[str]()
        for name in [name for name in kept if name not in names]:
            for what, pattern in _EXTRAS.items():
                if pattern.match(name):
                    del kept[name]
                    counts[what] += 1
                    break
        found = [f"{what} ({count} tensor{'s' * (count > 1)})" for what, count in counts.items()]
        return State(kept, self.place, self.prefix, found + self.left_out)


def states(content: Any, names: Collection[str], where: str) -> list[State]:
    """The state dicts in `content` with some of `names`, those with the most of them first.

    If none has any, the largest one.  Raises WeightsError if there are no named tensors.
    """
    found: list[State] = []
    dicts = list(_dicts(content, set()))
    for place, tensors in dicts:
        found += _by_prefix(place, tensors, names)
    if found:
        return sorted(found, key=lambda state: -sum(name in state.tensors for name in names))
    if not dicts:
        raise WeightsError(f"{where} holds {_described(content)} and no state dict; save one: "
                           f"{_remedy(content, where)}")
    place, tensors = max(dicts, key=lambda entry: len(entry[1]))
    return [State(_unwrapped(tensors), place)]


def _dicts(value: Any, seen: set[int], place: tuple[str, ...] = ()
           ) -> Iterator[tuple[tuple[str, ...], dict[str, Tensor]]]:
    """Every dict with named tensors and its keys, from the outside in."""
    if id(value) in seen or len(place) > _DEEPEST:
        return
    if isinstance(value, (list, tuple)) and len(value) <= 100:
        value = {str(number): entry for number, entry in enumerate(value)
                 if isinstance(entry, (dict, list, tuple))}
    elif not isinstance(value, dict):
        return
    seen.add(id(value))
    tensors = {name: entry for name, entry in value.items()
               if isinstance(name, str) and isinstance(entry, Tensor)}
    if tensors:
        yield place, tensors
    for name, entry in value.items():
        if not isinstance(entry, Tensor) and not _OPTIMIZER.search(str(name)):
            yield from _dicts(entry, seen, (*place, str(name)))


def _by_prefix(place: tuple[str, ...], tensors: dict[str, Tensor], names: Collection[str]
               ) -> list[State]:
    """The states in one dict, which may have different prefixes."""
    split = {name: _split(name, names) for name in tensors}
    counts = Counter(prefix for prefix in split.values() if prefix is not None)
    # Rare prefixes do not count: "auxiliary_head." precedes two names of a classifier.
    prefixes = [prefix for prefix, count in counts.items() if 2 * count > max(counts.values())]
    found = {prefix: State({}, place, prefix) for prefix in prefixes}
    others: list[str] = []
    for name, value in tensors.items():
        fitting = [prefix for prefix in prefixes if name.startswith(prefix)]
        if fitting:
            prefix = max(fitting, key=len)
            found[prefix].tensors[_plain(name[len(prefix):])] = value
        else:
            others.append(name)
    if others:
        for state in found.values():
            state.left_out.append(f"tensors outside the network ({listed(others, most=2)})")
    return list(found.values())


def _split(name: str, names: Collection[str]) -> str | None:
    """The prefix of `name` before one of `names`; None if it does not end in any of them."""
    parts = name.split(".")
    for start, part in enumerate(parts[:_DEEPEST]):
        if part not in _WRAPPERS and _plain(".".join(parts[start:])) in names:
            return "".join(f"{before}." for before in parts[:start])
    return None


def _plain(name: str) -> str:
    """A name without the parts inserted by wrappers."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove common prefixes shared by all names."""
    while len(firsts := {name.partition(".")[0] for name in tensors}) == 1 and (
            firsts <= _PREFIXES) and all("." in name for name in tensors):
        tensors = {name.partition(".")[2]: value for name, value in tensors.items()}
    return tensors


def _described(content: Any) -> str:
    if isinstance(content, dict):
        names = [repr(name) if isinstance(name, str) else str(name) for name in content]
        arrays = ", NumPy arrays" * _holds_arrays(content)
        return f"a dict of {listed(names, most=4)}{arrays}" if names else "an empty dict"
    return {Tensor: "a single tensor", list: "a list", tuple: "a tuple"}.get(
        type(content), f"a value of type {type(content).__name__}")


def _holds_arrays(content: Any) -> bool:
    """Whether a dict holds only NumPy arrays, by their stand-ins."""
    return isinstance(content, dict) and bool(content) and all(
        type(value).__name__ == "_reconstruct" for value in content.values())


def _remedy(content: Any, where: str) -> str:
    if not _holds_arrays(content):
        return "torch.save(model.state_dict(), ...)"
    return (f"`arrays = torch.load({where!r}, weights_only=False)`, then `torch.save({{name: "
            f"torch.as_tensor(array) for name, array in arrays.items()}}, {state_name(where)!r})`")


# --- choosing a state -------------------------------------------------------------------------


def chosen(found: list[State], own: dict[str, Tensor]) -> State:
    """The state with the most names and shapes of `own`.  Of several, averaged weights, which are
    what a training evaluates (like `timm.models.load_checkpoint`), else the first."""
    scores = [sum(same_shape(own, state.tensors, name) for name in own) for state in found]
    best = [state for state, score in zip(found, scores) if score == max(scores)]
    averages = [one for one in best if one.averaged or any(
        one.place == other.place and one.prefix == f"{other.prefix}module." for other in best)]
    state = (averages or best)[0]
    others = [one for one in best if one is not state and not _equal(one, state)]
    if others:
        average = "the averaged weights, " if averages else ""
        state.left_out.append(f"{listed([str(one) for one in others], most=3)}, which fits as "
                              f"well (used: {average}{state})")
    if worse := [str(one) for one, score in zip(found, scores) if score < max(scores)]:
        state.left_out.append(f"{listed(worse, most=3)}, which fits less well (used: {state})")
    return state


def same_shape(own: dict[str, Tensor], state: dict[str, Tensor], name: str) -> bool:
    """Whether both have a tensor of this name with the same shape."""
    return name in own and name in state and own[name].shape == state[name].shape


def _equal(one: State, other: State) -> bool:
    try:
        return one.tensors.keys() == other.tensors.keys() and all(
            torch.equal(value, other.tensors[name]) for name, value in one.tensors.items())
    except RuntimeError:  # quantized or sparse tensors
        return False


def misfit(own: dict[str, Tensor], state: dict[str, Tensor]) -> str | None:
    """The first key, shape or dtype in which `state` differs from `own`, in words; None if it
    fits."""
    for name, value in own.items():
        if name not in state:
            return f"{name} is missing, which has shape {tuple(value.shape)} in the network"
        if state[name].shape != value.shape:
            return (f"{name} has shape {tuple(state[name].shape)}, "
                    f"in the network {tuple(value.shape)}")
        if problem := _unlike(value, state[name]):
            return f"{name} {problem}"
    extra = next((name for name in state if name not in own), None)
    return f"{extra}, of shape {tuple(state[extra].shape)}, is not part of the network" \
        if extra else None


def _unlike(own: Tensor, value: Tensor) -> str | None:
    """Why a network cannot use the numbers of `value`, or None."""
    if value.is_quantized or value.layout != torch.strided:
        return "is quantized or sparse; save it with dequantize() or to_dense()"
    if value.device.type != "cpu":
        return f"has no values (device {value.device}); save the network with its weights"
    if value.is_complex() or (own.is_floating_point() and not value.is_floating_point()):
        return f"has dtype {value.dtype}, in the network {own.dtype}"
    return None


def say_left_out(state: State, where: str) -> None:
    """Note the parts of a checkpoint that are ignored."""
    if state.left_out:
        note(f"{where}: ignored {', '.join(state.left_out)}")
