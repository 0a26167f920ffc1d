"""Compares one case of a golden file with what the zoo computes for it."""

import math
from dataclasses import dataclass

import torch

from tests.golden import network

LIMIT = 1e-9

# What describes a case; everything else in it is an output to be reproduced.
SETTINGS = {"case", "genotype", "network", "channels", "layers", "num_classes", "auxiliary",
            "input_shape", "in_channels", "vocabulary", "embedding", "hidden", "dtype", "note"}


@dataclass
class Row:
    title: str
    error: float
    note: str = ""

    @property
    def ok(self):
        return self.error <= LIMIT  # false for NaN


def relative_error(computed, expected):
    """Largest |computed - expected| over the largest |expected|; NaN or another shape: infinite."""
    expected = torch.as_tensor(expected, dtype=torch.float64)
    computed = torch.as_tensor(computed, dtype=torch.float64)
    if computed.numel() != expected.numel():
        return math.inf
    difference = (computed.reshape(expected.shape) - expected).abs().max()
    error = (difference / expected.abs().max().clamp_min(1e-300)).item()
    return error if math.isfinite(error) else math.inf


def row(case):
    """The row of a case; one that cannot be computed has an infinite error and says why."""
    title = " ".join(str(case[key]) for key in ("case", "network", "space", "genotype", "order")
                     if isinstance(case.get(key), (str, int)))
    if case.get("case") != "network":
        return Row(title, math.inf, f"no such case here: {case.get('case')!r}")
    try:
        computed = network.outputs(case)
    except (KeyError, ValueError, LookupError, RuntimeError, TypeError) as error:
        return Row(title, math.inf, f"{type(error).__name__}: {error}")
    worst, note = 0.0, ""
    compared = [key for key in case if key not in SETTINGS]
    for key in compared:
        expected = case[key]
        if key not in computed:
            return Row(title, math.inf, f"no such output: {key}")
        if isinstance(expected, dict) or (isinstance(expected, list) and expected
                                          and isinstance(expected[0], str)):
            error = 0.0 if computed[key] == expected else math.inf
        else:
            error = relative_error(computed[key], expected)
        if error > worst:
            worst, note = error, key
    return Row(title, worst if compared else math.inf, note or "nothing to compare")
