"""Compares a case of a golden file with the results of the zoo and the search."""

import math
from dataclasses import dataclass

import torch

from tests.golden import network, search
from zoo.genotypes.reader import parse
from zoo.genotypes.serialization import Genotype

LIMITS = {"network": 1e-9, "search": 1e-8}

# The keys that describe a case; all others are outputs to reproduce.
SETTINGS = {
    "network": {"case", "genotype", "network", "channels", "layers", "num_classes", "auxiliary",
                "input_shape", "in_channels", "vocabulary", "embedding", "hidden", "dtype",
                "note"},
    "search": {"case", "space", "order", "channels", "layers", "num_classes", "batch", "lr",
               "momentum", "weight_decay", "grad_clip", "arch_lr", "arch_betas",
               "arch_weight_decay", "finite_difference_r", "vocabulary", "embedding", "hidden",
               "slowness_beta", "dropout", "dtype", "note"},
}


@dataclass
class Row:
    title: str
    error: float
    note: str = ""
    limit: float = 0.0

    @property
    def ok(self):
        return self.error <= self.limit  # false for NaN


def relative_error(computed, expected):
    """Largest |computed - expected| over largest |expected|; infinite for NaN or another shape."""
    expected = torch.as_tensor(expected, dtype=torch.float64)
    computed = torch.as_tensor(computed, dtype=torch.float64)
    if computed.numel() != expected.numel():
        return math.inf
    difference = (computed.reshape(expected.shape) - expected).abs().max()
    error = (difference / expected.abs().max().clamp_min(1e-300)).item()
    return error if math.isfinite(error) else math.inf


def row(case):
    """The row of a case; if it cannot be computed, the error is infinite and the note says why."""
    title = " ".join(str(case[key]) for key in ("case", "network", "space", "genotype", "order")
                     if isinstance(case.get(key), (str, int)))
    kind = case.get("case")
    if kind not in LIMITS:
        return Row(title, math.inf, f"no such case here: {kind!r}")
    try:
        forms = search.forms(case) if kind == "search" else {"": network.outputs(case)}
    except (KeyError, ValueError, LookupError, RuntimeError, TypeError) as error:
        return Row(title, math.inf, f"{type(error).__name__}: {error}")
    worst, note = 0.0, ""
    compared = [key for key in case if key not in SETTINGS[kind]]
    for form, computed in forms.items():
        for key, error in _errors(computed, {key: case[key] for key in compared}):
            if error > worst:
                worst, note = error, f"{form} {key}".strip()
    return Row(title, worst if compared else math.inf, note or "nothing to compare", LIMITS[kind])


def _errors(computed, expected):
    """(key, error) of every expected output, including those of single steps."""
    for key, value in expected.items():
        if key not in computed:
            yield f"{key}: no such output", math.inf
        elif key == "steps":
            for number, (step, wanted) in enumerate(zip(computed[key], value)):
                for name, error in _errors(step, wanted):
                    yield f"step {number} {name}", error
        elif isinstance(computed[key], Genotype):
            yield key, 0.0 if computed[key] == _genotype(value) else math.inf
        elif isinstance(value, dict) or (isinstance(value, list) and value
                                         and isinstance(value[0], str)):
            yield key, 0.0 if computed[key] == value else math.inf
        else:
            yield key, relative_error(computed[key], value)


def _genotype(value):
    """The genotype of the 2018 release's own fields."""
    return parse("Genotype(" + ", ".join(f"{name}={field!r}" for name, field in value.items())
                 + ")")
