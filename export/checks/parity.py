"""Numerical parity: a check that a hop did not change the numbers.

The reference is the PyTorch network in float64, as it was before any rewrite, rounded to
float32 at the end.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from export.formats.arrays import Runner
from zoo.artifact.manifest import Input, Parity
from zoo.models.recurrent import LanguageModel
from zoo.weights.hub import WeightsError
from zoo.weights.numbers import check_output, unusable

#: Largest |difference| of a logit that float32 arithmetic may make.
LIMIT = 1e-5

#: With rounded weights the numbers do change: allowed is this share of the largest logit.
ROUNDED = {"float16": 0.01, "uint8": 0.2, "int8": 0.5}


class ParityError(RuntimeError):
    """A hop changed the numbers; the message says which and by how much."""


@dataclass(frozen=True)
class Hop:
    """One line of a report, of a build or of a verification: a hop, a format, or a runtime's
    backend, and what its parity check found.  `difference` is None where nothing was compared.

    `seconds` are those of a build, `verdict` and `failed` are of a verification.
    """

    name: str
    difference: float | None = None
    limit: float | None = None
    seconds: float = 0.0
    verdict: str = ""
    failed: bool = False


@dataclass
class Reference:
    """Inputs by name, the float32 logits that they must give, and other outputs to compare.

    With `scales`, those of a network of which nothing else is known, a difference counts as a share
    of its output's scale, of which `allowed` is allowed.  One that is not `batched` takes its
    inputs only as they are.
    """

    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    real: int  # how many of the inputs, the first ones, are real images
    scales: dict[str, float] = field(default_factory=dict)
    allowed: float = LIMIT
    batched: bool = True

    @property
    def count(self) -> int:
        return len(next(iter(self.inputs.values()))) if self.batched else 1


def in_range(images: np.ndarray, spec: Input) -> np.ndarray:
    """Pixels 0..255 as the raw values, float32, that an exported network takes, see `Input`."""
    low, high = _range(spec)
    pixels = np.asarray(images, np.float32)
    return pixels if (low, high) == (0, 255) else low + pixels * np.float32((high - low) / 255)


def reference(model: nn.Module, spec: Input, real: np.ndarray | None, random: int = 8) -> Reference:
    """What `model` computes on `real` images (N, H, W, C), 0..255, and on `random` noise images.

    Raises WeightsError for weights that are NaN or infinite, NotFiniteError where the network's
    own output is: no hop is to blame for that.
    """
    own = model.state_dict()
    if problem := unusable(own, own):
        raise WeightsError(f"the network's {problem}; nothing can be exported of it, take other "
                           "weights")
    generator = np.random.default_rng(0)
    model = copy.deepcopy(model).double().eval()
    if isinstance(model, LanguageModel):
        words, units = model.settings["vocabulary"], model.settings["hidden"]
        tokens = generator.integers(0, words, random).astype(np.int32)
        hidden = generator.uniform(-1, 1, (random, units)).astype(np.float32)
        with torch.no_grad():
            state = torch.from_numpy(hidden).double()[None]
            log_prob, state = model(torch.from_numpy(tokens)[None].long(), state)
            logits = model.decoder(state[0])
        outputs = {"logits": logits, "probabilities": log_prob[0].exp(), "next_hidden": state[0]}
        inputs = {"tokens": tokens, "hidden": hidden}
        return Reference(inputs, _finite(outputs), real=0)
    low, high = _range(spec)
    pixels = generator.uniform(low, high, (random, *image_shape(spec))).astype(np.float32)
    if real is not None:
        pixels = np.concatenate([in_range(real, spec), pixels])
    scaled = (torch.from_numpy(pixels).double() - low) / (high - low)
    normalized = (scaled - torch.tensor(spec.mean).double()) / torch.tensor(spec.std).double()
    with torch.no_grad():
        logits = model(normalized.permute(0, 3, 1, 2))
    outputs = _finite({"logits": logits, "probabilities": logits.softmax(dim=1)})
    return Reference({spec.name: pixels}, outputs, 0 if real is None else len(real))


def image_shape(spec: Input) -> tuple[int, int, int]:
    """Height, width and channels, which `Manifest` demands of images."""
    assert spec.height and spec.width and spec.channels
    return spec.height, spec.width, spec.channels


def _range(spec: Input) -> tuple[float, float]:
    assert spec.range  # `Manifest` demands it of images
    return spec.range


def _finite(values: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The outputs as float32, which all hops compute in."""
    rounded = {name: value.float() for name, value in values.items()}
    for value in rounded.values():
        check_output(value, "the network")
    return {name: value.numpy() for name, value in rounded.items()}


def limit(expected: Reference, precision: str = "float32") -> float:
    """The largest difference allowed: 1e-5, or 8 units in the last place of the largest logit
    where that is more (from logits of 16 on, float32 itself is no finer); a share of the scale of
    the outputs where they have one."""
    if expected.scales:
        return max(expected.allowed, ROUNDED.get(precision, 0.0))
    largest = float(np.abs(expected.outputs["logits"]).max())
    if precision != "float32":
        return max(LIMIT, ROUNDED[precision] * largest)
    return max(LIMIT, 8 * float(np.spacing(np.float32(largest))))


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def check_parity(hop: str, run: Runner, expected: Reference,
                 precision: str = "float32") -> Parity:
    """Run a hop on the inputs of the reference, all at once and the first one alone.

    With rounded weights the limit is one for logits; probabilities must then be the softmax of
    the logits found, to 1e-5.  Raises ParityError over the limit, for a missing output, or a NaN.
    """
    allowed = limit(expected, precision)
    worst = 0.0
    for count in {expected.count, 1} if expected.batched else {None}:
        outputs = run({name: value[:count] for name, value in expected.inputs.items()})
        for name, value in expected.outputs.items():
            if name not in outputs:
                raise ParityError(f"{hop}: the graph has no output {name!r}")
            found = np.asarray(outputs[name], np.float64)
            if found.shape != value[:count].shape:
                raise ParityError(f"{hop}: output {name!r} has shape {found.shape}, not "
                                  f"{value[:count].shape}")
            wanted = value[:count]
            if name == "probabilities" and precision != "float32" and not expected.scales:
                wanted = _softmax(np.asarray(outputs["logits"], np.float64))
                if not np.abs(found - wanted).max() <= LIMIT:
                    raise ParityError(f"{hop}: the probabilities are not the logits' softmax")
            difference = np.abs(found - wanted).max(initial=0) / expected.scales.get(name, 1.0)
            worst = max(worst, float(difference)) if np.isfinite(difference) else np.inf
    if not worst <= allowed:
        of = " of the largest output" if expected.scales else ""
        raise ParityError(f"{hop}: changed the numbers by {worst:.2g}{of}, more than "
                          f"{allowed:.2g}")
    return Parity(hop=hop, max_difference=worst, limit=allowed, inputs=expected.count,
                  relative=bool(expected.scales))
